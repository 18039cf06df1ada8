package send

import (
	"errors"
	"reflect"
	"sync"
	"time"

	"sluice/triggers"
)

// client is a sender that is kept, with its connections and tokens, for one version of one subscription.
type client struct {
	sub     *triggers.Subscription // that it was made for
	sender  sender
	secrets *secrets
	busy    int         // sends under way
	gone    bool        // replaced or unused: whoever is the last to send closes it
	idle    *time.Timer // runs while busy is 0
}

// fits tells whether c was made for what sub says now. What is only told of a subscription (its pause, its times) makes no new version.
func (c *client) fits(sub *triggers.Subscription) bool {
	if c.sub == sub {
		return true
	}
	a, b := c.sub.Sluice, sub.Sluice
	a.Paused, a.Created, a.Modified = b.Paused, b.Created, b.Modified
	return c.sub.Type == sub.Type && reflect.DeepEqual(c.sub.HTTP, sub.HTTP) && reflect.DeepEqual(c.sub.EventBridge, sub.EventBridge) && reflect.DeepEqual(a, b)
}

// take returns the client of sub, which the caller gives back. A client of an older version is closed when its sends have ended.
func (s *Senders) take(sub *triggers.Subscription) (*client, error) {
	s.mu.Lock()
	c, old, err := s.find(sub)
	s.mu.Unlock()
	if old != nil {
		old.sender.close()
	}
	return c, err
}

// find returns the client of sub, and the one that it replaces if that is to be closed. The caller holds the lock.
func (s *Senders) find(sub *triggers.Subscription) (c, old *client, err error) {
	if s.closed {
		return nil, nil, errors.New("the senders have been closed")
	}
	c = s.kept[sub.ID]
	if c == nil || !c.fits(sub) {
		hidden := secretsOf(sub)
		made, err := s.build(sub, hidden)
		if err != nil {
			return nil, nil, hidden.hide(err)
		}
		if c != nil && s.drop(c) {
			old = c
		}
		c = &client{sender: made, secrets: hidden}
		c.idle = time.AfterFunc(s.options.Idle, func() { s.retire(c) })
		s.kept[sub.ID] = c
	}
	c.sub = sub // the next look at the same pointer is cheap
	c.idle.Stop()
	c.busy++
	return c, old, nil
}

func (s *Senders) give(c *client) {
	s.mu.Lock()
	c.busy--
	last := c.busy == 0
	if last && !c.gone {
		c.idle.Reset(s.options.Idle)
	}
	end := last && c.gone
	s.mu.Unlock()
	if end {
		c.sender.close()
	}
}

// retire drops c when it has not been used since its timer was set. The timer may have fired just as somebody took c.
func (s *Senders) retire(c *client) {
	s.mu.Lock()
	end := c.busy == 0 && !c.gone && s.drop(c)
	s.mu.Unlock()
	if end {
		c.sender.close()
	}
}

// drop forgets c, and tells whether the caller is to close it once it has let go of the lock, because a broker may take its time.
func (s *Senders) drop(c *client) bool {
	if s.kept[c.sub.ID] == c {
		delete(s.kept, c.sub.ID)
	}
	c.gone = true
	c.idle.Stop()
	return c.busy == 0
}

// Close lets go of every client. Sends under way finish, and no other begins.
func (s *Senders) Close() {
	s.mu.Lock()
	s.closed = true
	var ends []*client
	for _, c := range s.kept {
		if s.drop(c) {
			ends = append(ends, c)
		}
	}
	s.mu.Unlock()
	var under sync.WaitGroup // a broker that does not hear the goodbye holds up no other
	for _, c := range ends {
		under.Go(c.sender.close)
	}
	under.Wait()
}
