package proxy

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"sluice/connectors"
	"sluice/internal/fault"
)

// The headers by which a consumer speaks to Sluice itself. They never reach a vendor.
const (
	headerKey  = "X-Sluice-Key"
	headerView = "X-Sluice-View"
	headerLane = "X-Sluice-Lane"
	ownPrefix  = "X-Sluice-"
)

// asking is what a request shows of who sends it.
type asking struct {
	header             http.Header // our own headers and a key in Authorization are taken out of it
	proxyAuthorization string
	view               string // from the path
	method             string
	remote             netip.Addr
}

// admit finds the consumer, the view and the asked lane of a request and checks what the consumer may do. A key comes in X-Sluice-Key, in
// Proxy-Authorization (Basic with the key as password, or Bearer), or in Authorization if it is one of ours. Every Authorization that
// holds one of ours is taken out, because it is not for the vendor.
func admit(set *connectors.Set, conn *connectors.Connection, a asking, call *Call) error {
	consumer, err := set.Consumer(a.key(), a.remote)
	switch {
	case errors.Is(err, connectors.ErrKeyUnknown):
		return fault.New("front", http.StatusUnauthorized, "unknown_key", "this access key is not known here; an operator makes one with `sluice keys create`")
	case errors.Is(err, connectors.ErrNetwork):
		return fault.New("front", http.StatusForbidden, "network_refused", "this access key may not be used from this address")
	case err != nil:
		return fault.New("front", http.StatusUnauthorized, "key_required", "an access key is required: send it in %s, or as the password of HTTP Basic", headerKey)
	}
	call.Consumer, call.View = consumer, consumer.View
	switch {
	case consumer.Connections != nil && !consumer.Connections[conn.Name]:
		return fault.New("front", http.StatusForbidden, "connection_refused", "consumer %s may not use connection %s", consumer.Name, conn.Name)
	case !consumer.Allows(conn.Name, a.method):
		return fault.New("front", http.StatusForbidden, "method_refused", "consumer %s may not use method %s", consumer.Name, a.method)
	}
	view, lane := a.header.Get(headerView), a.header.Get(headerLane)
	a.dropOwn()
	if view != "" {
		a.view = view
	}
	if err := chooseView(set, a.view, call); err != nil {
		return err
	}
	return chooseLane(lane, call)
}

// chooseView lets a consumer that may name a view name one.
func chooseView(set *connectors.Set, name string, call *Call) error {
	if name == "" || name == call.View.Name {
		return nil
	}
	if !call.Consumer.ChooseView {
		return fault.New("front", http.StatusForbidden, "view_refused", "consumer %s has the view %s and may not choose another", call.Consumer.Name, call.View.Name)
	}
	view := set.Views[name]
	if view == nil {
		return fault.New("front", http.StatusNotFound, "unknown_view", "no view is called %q", name)
	}
	call.View = view
	return nil
}

// chooseLane lets a consumer that may name a lane name one for this call.
func chooseLane(name string, call *Call) error {
	if name == "" {
		return nil
	}
	if !call.Consumer.ChooseLane {
		return fault.New("front", http.StatusForbidden, "lane_refused",
			"consumer %s may not choose a lane: leave %s out, or ask an operator for choose_lane", call.Consumer.Name, headerLane)
	}
	lane, known := connectors.ParseLane(name)
	if !known {
		return fault.New("front", http.StatusBadRequest, "unknown_lane",
			"no lane is called %q: %s takes critical, interactive or bulk", name, headerLane)
	}
	call.Lane = lane
	return nil
}

// key finds the caller's access key. Whichever header it came in, no Authorization that holds a key stays behind: a client that is
// given the key twice, or sends one to every proxy on its way, must not tell it to the vendor.
func (a *asking) key() string {
	inAuthorization := a.takeKey()
	if key := a.header.Get(headerKey); key != "" {
		return key
	}
	if key := keyIn(a.proxyAuthorization); key != "" {
		return key
	}
	return inAuthorization
}

// takeKey takes every value with an access key, known or not, out of Authorization and returns the first such key.
func (a *asking) takeKey() (key string) {
	rest := slices.DeleteFunc(a.header["Authorization"], func(v string) bool {
		found := keyIn(v)
		if !connectors.IsKey(found) {
			return false
		}
		if key == "" {
			key = found
		}
		return true
	})
	if len(rest) == 0 {
		delete(a.header, "Authorization")
	} else {
		a.header["Authorization"] = rest
	}
	return key
}

// keyIn reads Basic with the key as password, or Bearer.
func keyIn(authorization string) string {
	scheme, value, _ := strings.Cut(authorization, " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "bearer"):
		return value
	case strings.EqualFold(scheme, "basic"):
		pair, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return ""
		}
		_, password, _ := strings.Cut(string(pair), ":")
		return password
	}
	return ""
}

// dropOwn takes out the headers that are for us.
func (a *asking) dropOwn() {
	for name := range a.header {
		if strings.HasPrefix(name, ownPrefix) {
			delete(a.header, name)
		}
	}
}
