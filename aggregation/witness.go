package aggregation

import (
	"context"
	"iter"
	"strings"
)

// storeError is an error of the store, which says nothing of the vendor.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// kept marks an error of the store.
func kept(err error) error {
	if err == nil {
		return nil
	}
	return &storeError{err}
}

// stored marks the errors of a sequence as the store's.
func stored[T any](all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for value, err := range all {
			if !yield(value, kept(err)) {
				return
			}
		}
	}
}

// witness is a Work whose errors are marked as the store's.
type witness struct{ Work }

func (w *witness) Keep(ctx context.Context, b Batch, at Checkpoint) error {
	return kept(w.Work.Keep(ctx, b, at))
}

func (w *witness) Rows(ctx context.Context, first, last int, from string) iter.Seq2[Row, error] {
	return stored(w.Work.Rows(ctx, first, last, from))
}

func (w *witness) Settle(ctx context.Context, batch []Settled) error {
	return kept(w.Work.Settle(ctx, batch))
}

func (w *witness) Detail(ctx context.Context, r Record) error { return kept(w.Work.Detail(ctx, r)) }

func (w *witness) Fail(ctx context.Context, f Failure) error { return kept(w.Work.Fail(ctx, f)) }

func (w *witness) Warn(ctx context.Context, text string) error { return kept(w.Work.Warn(ctx, text)) }

func trimSlash(path string) string { return strings.TrimPrefix(path, "/") }
