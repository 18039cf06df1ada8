package proxy

import (
	"fmt"
	"sync"
)

// kept holds what must outlive a reload: gates, breakers, tokens, cached answers, connections to vendors. A thing is kept under its
// kind, its connection and the settings that made it, so that a reload with the same settings finds it again and one with
// other settings starts afresh. What no connection asked for during a reload is let go.
type kept struct {
	mu     sync.Mutex
	things map[string]any
	asked  map[string]bool
}

// key names a thing of kind for a connection under settings, which are told apart by their printed form.
func keptKey(kind, connection string, settings any) string {
	return fmt.Sprintf("%s|%s|%+v", kind, connection, settings)
}

// keep returns the thing under key, made by fresh when there is none.
func keep[T any](k *kept, key string, fresh func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.things == nil {
		k.things, k.asked = map[string]any{}, map[string]bool{}
	}
	if thing, ok := k.things[key].(T); ok {
		k.asked[key] = true
		return thing, nil
	}
	thing, err := fresh()
	if err != nil {
		return thing, err
	}
	k.things[key] = thing
	k.asked[key] = true
	return thing, nil
}

// begin starts a round of asking.
func (k *kept) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = map[string]bool{}
}

// sweep lets go of what was not asked for since begin and closes what can be closed.
func (k *kept) sweep() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for key, thing := range k.things {
		if k.asked[key] {
			continue
		}
		delete(k.things, key)
		if c, ok := thing.(interface{ Close() }); ok {
			c.Close()
		}
	}
}
