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
	s.said = time.Now()
	return say(ctx, s.t)
}

// say breaks the silence.
func say(ctx context.Context, t tx) error {
	_, err := t.exec(ctx, "SELECT 1")
	return err
}

// spoken walks all beside the transaction, which speaks while it waits for the next one. It is over when that is, and panics where that does.
func spoken[T any](ctx context.Context, t tx, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		w := &walk[T]{next: make(chan found[T], mostRows), enough: make(chan struct{})}
		var walking sync.WaitGroup
		walking.Go(func() { w.walk(all) })
		defer walking.Wait()
		defer close(w.enough)
		tick := time.NewTicker(speakEvery)
		defer tick.Stop()
		for {
			select {
			case one, more := <-w.next:
				if !more {
					w.end(yield)
					return
				}
				if !yield(one.value, one.err) {
					return
				}
			case <-tick.C:
				if err := say(ctx, t); err != nil {
					var none T
					yield(none, err)
					return
				}
			}
		}
	}
}

// walk is one that is under way. How it ended is said before next is closed.
type walk[T any] struct {
	next     chan found[T]
	enough   chan struct{} // closed: nobody wants more
	panicked any
	whole    bool // it came to its end
}

type found[T any] struct {
	value T
	err   error
}

func (w *walk[T]) walk(all iter.Seq2[T, error]) {
	defer close(w.next)
	defer func() { w.panicked = recover() }()
	for value, err := range all {
		select {
		case w.next <- found[T]{value, err}:
		case <-w.enough:
			return
		}
	}
	w.whole = true
}

// errCutShort is of a walk that neither came to its end nor panicked.
var errCutShort = errors.New("whoever looks for changes has ended before the last one")

// end says how a walk has ended that gives nothing more.
func (w *walk[T]) end(yield func(T, error) bool) {
	switch {
	case w.panicked != nil:
		panic(w.panicked)
	case !w.whole:
		var none T
		yield(none, errCutShort)
	}
}
