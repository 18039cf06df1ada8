package connectors

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// consumers compiles who may call. It comes after listeners and connections.
func (b *setBuild) consumers() {
	b.set.Consumers = map[string]*Consumer{}
	owners := map[[32]byte]string{}
	networks := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(b.written.Consumers)) {
		key := "consumers." + name
		entry := b.written.Consumers[name]
		made := b.consumer(key, name, entry)
		for i, hash := range made.Keys {
			if owner, taken := owners[hash]; taken {
				b.fault(index(key+".keys", i), "is already a key of consumer %s: give each a key of its own", owner)
			}
			owners[hash] = name
			b.set.keys[hash] = made
		}
		if len(entry.Keys) == 0 {
			b.byNetwork(key, made, networks)
		}
		b.set.Consumers[name] = made
	}
	if len(b.written.Consumers) > 0 {
		return
	}
	if b.loopback {
		b.set.Anonymous = &Consumer{Name: "anonymous", View: b.set.Views[defaultView], ChooseView: true, ChooseLane: true}
	}
}

// byNetwork takes a consumer without keys: its networks must say who it is.
func (b *setBuild) byNetwork(key string, made *Consumer, taken map[string]string) {
	if len(made.Networks) == 0 {
		b.fault(key, "has neither keys nor networks, so anybody would be %s: run sluice keys create %s and add the keys that it prints", made.Name, made.Name)
	}
	for i, network := range made.Networks {
		if owner, found := taken[network.String()]; found {
			b.fault(index(key+".networks", i), "%s already stands for consumer %s, which has no keys either: give one of them keys", network, owner)
		}
		taken[network.String()] = made.Name
	}
	b.set.byNetwork = append(b.set.byNetwork, made)
}

func (b *setBuild) consumer(key, name string, entry consumerEntry) *Consumer {
	made := &Consumer{Name: name, View: b.set.Views[entry.View], MaxHold: entry.MaxHold, ChooseView: entry.ChooseView, ChooseLane: entry.ChooseLane}
	made.FixedLane, _ = ParseLane(entry.Lane) // auto is none
	if made.View == nil {
		b.fault(key+".view", "there is no view %q: %s", entry.View, suggest(entry.View, slices.Collect(maps.Keys(b.set.Views))))
	}
	for i, text := range entry.Keys {
		hash, err := parseHash(text)
		if err != nil {
			b.fault(index(key+".keys", i), "%v", err)
			continue
		}
		made.Keys = append(made.Keys, hash)
	}
	for i, network := range entry.Networks {
		if network != network.Masked() {
			b.fault(index(key+".networks", i), "%s has bits outside its mask: write %s", network, network.Masked())
		}
		made.Networks = append(made.Networks, network)
	}
	made.Connections = b.chosen(key+".connections", entry.Connections, slices.Collect(maps.Keys(b.written.Connections)), "there is no connection %q: %s")
	made.Methods = b.chosen(key+".methods", entry.Methods, methods, "%q is no method: %s")
	b.hold(key, made)
	return made
}

// chosen returns a set of names out of known; nil for no list at all.
func (b *setBuild) chosen(key string, names, known []string, unknown string) map[string]bool {
	if names == nil {
		return nil
	}
	if len(names) == 0 {
		b.fault(key, "is empty, so nothing is allowed: name some, or leave the key out to allow all")
	}
	set := map[string]bool{}
	for i, name := range names {
		switch {
		case !slices.Contains(known, name):
			b.fault(index(key, i), unknown, name, suggest(name, known))
		case set[name]:
			b.fault(index(key, i), "%s stands here twice: remove one", name)
		}
		set[name] = true
	}
	return set
}

// hold refuses a wait that a connection would never let end.
func (b *setBuild) hold(key string, made *Consumer) {
	for _, name := range slices.Sorted(maps.Keys(b.set.Connections)) {
		c := b.set.Connections[name]
		if c.Connector != nil && (made.Connections == nil || made.Connections[name]) && made.MaxHold >= c.Timeouts.Total {
			b.fault(key+".max_hold", "is %s, but connection %s answers after %s (timeouts.total): make it shorter, or timeouts.total longer",
				brief(made.MaxHold), name, brief(c.Timeouts.Total))
			return
		}
	}
}

// openDoor says that a listener lets strangers in, and what to do.
func openDoor(address string) string {
	return fmt.Sprintf("is %s, which others can reach, but no consumer is configured: run sluice keys create NAME and add what it prints under consumers, or listen on 127.0.0.1%s",
		address, address[strings.LastIndexByte(address, ':'):])
}
