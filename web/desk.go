package web

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"sluice/aggregation"
)

// desk knows where in a snapshot the accounts are that a filter asks for, so that paging through a filter does not read everything for each
// page. It finds that out when it is first asked, by one walk through the snapshot, and forgets it with the revision. An account is told by
// its offset, four bytes; a name by its hash, so what is found is looked at again before it is believed.
type desk struct {
	snapshots Snapshots
	seed      maphash.Seed
	mu        sync.Mutex
	books     map[aggregation.Scope]*book
}

// book is what is known of one revision. Whoever writes in it holds turn, so that a scope is walked by one request at a time.
type book struct {
	edition edition
	turn    chan struct{}
	indexes map[string][]entry       // by the name of the index
	picks   map[string]*list.Element // by the name of the pick
	recent  *list.List               // of pick, the latest used first
}

// entry says that an account has a key.
type entry struct {
	hash   uint64
	offset uint32
}

// pick is a filter's outcome.
type pick struct {
	name    string
	offsets []uint32
}

// mostPicks is how many filters' outcomes are kept for a scope, each 4 bytes for an account that it lets through.
const mostPicks = 8

func newDesk(snapshots Snapshots) *desk {
	return &desk{snapshots: snapshots, seed: maphash.MakeSeed(), books: make(map[aggregation.Scope]*book)}
}

// open returns the book of an edition, and a func that gives it back.
func (d *desk) open(ctx context.Context, e edition) (*book, func(), error) {
	d.mu.Lock()
	b := d.books[e.scope]
	if b == nil || b.edition.revision < e.revision {
		b = &book{edition: e, turn: make(chan struct{}, 1), indexes: map[string][]entry{}, picks: map[string]*list.Element{}, recent: list.New()}
		d.books[e.scope] = b
	}
	d.mu.Unlock()
	if b.edition.revision != e.revision {
		return nil, nil, moved()
	}
	select {
	case b.turn <- struct{}{}:
		return b, func() { <-b.turn }, nil
	case <-ctx.Done():
		return nil, nil, context.Cause(ctx)
	}
}

// pick returns the offsets of the accounts that a filter of this name lets through, in their order.
func (d *desk) pick(ctx context.Context, e edition, name string, passes func(aggregation.Account) bool) ([]uint32, error) {
	b, back, err := d.open(ctx, e)
	if err != nil {
		return nil, err
	}
	defer back()
	if at := b.picks[name]; at != nil {
		b.recent.MoveToFront(at)
		return at.Value.(pick).offsets, nil
	}
	offsets := []uint32{}
	if err := d.walk(ctx, e, func(offset uint32, a aggregation.Account) {
		if passes(a) {
			offsets = append(offsets, offset)
		}
	}); err != nil {
		return nil, err
	}
	b.picks[name] = b.recent.PushFront(pick{name, offsets})
	if b.recent.Len() > mostPicks {
		oldest := b.recent.Back()
		delete(b.picks, b.recent.Remove(oldest).(pick).name)
	}
	return offsets, nil
}

// find returns the offsets of the accounts that have a key in an index, and perhaps a few more. keys gives all keys of an account.
func (d *desk) find(ctx context.Context, e edition, index, key string, keys func(a aggregation.Account, add func(key string))) ([]uint32, error) {
	b, back, err := d.open(ctx, e)
	if err != nil {
		return nil, err
	}
	defer back()
	entries, known := b.indexes[index]
	if !known {
		if err := d.walk(ctx, e, func(offset uint32, a aggregation.Account) {
			keys(a, func(key string) { entries = append(entries, entry{maphash.String(d.seed, key), offset}) })
		}); err != nil {
			return nil, err
		}
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.offset, b.offset)) })
		entries = slices.Clip(slices.Compact(entries))
		b.indexes[index] = entries
	}
	hash := maphash.String(d.seed, key)
	at, _ := slices.BinarySearchFunc(entries, hash, func(x entry, hash uint64) int { return cmp.Compare(x.hash, hash) })
	var offsets []uint32
	for ; at < len(entries) && entries[at].hash == hash; at++ {
		offsets = append(offsets, entries[at].offset)
	}
	return offsets, nil
}

// stride is how many accounts are in memory at once.
const stride = 250

// walk reads a whole snapshot.
func (d *desk) walk(ctx context.Context, e edition, each func(offset uint32, a aggregation.Account)) error {
	offset, last := uint32(0), ""
	for {
		revision, page, err := d.snapshots.After(ctx, e.scope, last, stride)
		if err != nil {
			return err
		}
		if revision != e.revision {
			return moved()
		}
		for _, r := range page {
			a, err := accountOf(r)
			if err != nil {
				return err
			}
			each(offset, a)
			offset, last = offset+1, r.ID
		}
		if len(page) < stride {
			return nil
		}
	}
}

// fetch reads the accounts at some offsets, which are in order; those of one stride by one page.
func (d *desk) fetch(ctx context.Context, e edition, offsets []uint32) (records []aggregation.Record, err error) {
	for len(offsets) > 0 {
		first, n := offsets[0], 1
		for n < len(offsets) && offsets[n] < first+stride {
			n++
		}
		revision, page, err := d.snapshots.Page(ctx, e.scope, int64(first), int(offsets[n-1]-first)+1)
		if err != nil {
			return nil, err
		}
		if revision != e.revision || len(page) != int(offsets[n-1]-first)+1 {
			return nil, moved()
		}
		for _, offset := range offsets[:n] {
			records = append(records, page[offset-first])
		}
		offsets = offsets[n:]
	}
	return records, nil
}

// accountOf reads a record. Its error names the account and nothing of it.
func accountOf(r aggregation.Record) (aggregation.Account, error) {
	a, err := aggregation.Parse(r.Account)
	if err != nil {
		return a, fmt.Errorf("account %s of the snapshot: %w", r.ID, err)
	}
	return a, nil
}
