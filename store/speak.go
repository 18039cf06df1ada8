package store

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// speakEvery is how long a transaction says nothing at the most while this process works for it. PostgreSQL gives up a process that is silent for
// long, because it may be stopped, and holds what others wait for.
const speakEvery = time.Second

// speaker keeps a transaction from being silent between pieces of work that need no database.
type speaker struct {
	t    tx
	said time.Time
}

func speakerIn(t tx) *speaker { return &speaker{t: t, said: time.Now()} }

// speak says something when it is time to.
func (s *speaker) speak(ctx context.Context) error {
	if time.Since(s.said) < speakEvery {
		return nil
	}
	_, err := s.t.exec(ctx, "SELECT 1")
	s.said = time.Now()
	return err
}

// spoken walks all beside the transaction, which speaks while it waits for the next one. It is over when that is, and panics where that does.
func spoken[T any](ctx context.Context, t tx, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		type found struct {
			value T
			err   error
		}
		next, enough := make(chan found, mostRows), make(chan struct{})
		var walk sync.WaitGroup
		var panicked any
		whole := false
		walk.Go(func() {
			defer close(next)
			defer func() { panicked = recover() }()
			for value, err := range all {
				select {
				case next <- found{value, err}:
				case <-enough:
					return
				}
			}
			whole = true
		})
		defer walk.Wait()
		defer close(enough)
		tick := time.NewTicker(speakEvery)
		defer tick.Stop()
		for {
			select {
			case one, more := <-next:
				switch {
				case !more && panicked != nil:
					panic(panicked)
				case !more && !whole:
					yield(one.value, errors.New("whoever looks for changes has ended before the last"))
				}
				if !more || !yield(one.value, one.err) {
					return
				}
			case <-tick.C:
				if _, err := t.exec(ctx, "SELECT 1"); err != nil {
					var none T
					yield(none, err)
					return
				}
			}
		}
	}
}
