package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sluice/aggregation"
)

// stride is how many accounts lie between two marks.
const stride = 250

// Reader reads snapshots a page at a time, each page of one revision. A page by its offset costs the same wherever it lies: the reader
// remembers the id of every 250th account, which it finds in one walk through the index for each revision. It is safe for concurrent use.
type Reader struct {
	db    *DB
	mu    sync.Mutex
	marks map[aggregation.Scope]*marked
}

// marked is what is remembered of one revision.
type marked struct {
	revision  int64
	committed time.Time
	total     int64
	ids       []string // the last account of each stride, in order
}

// Reader returns a reader of the snapshots. Whoever serves many requests keeps one.
func (db *DB) Reader() *Reader { return &Reader{db: db, marks: make(map[aggregation.Scope]*marked)} }

// Edition says which revision a scope's snapshot has, when it was committed and how many accounts it has. Revision 0: there is none yet.
func (r *Reader) Edition(ctx context.Context, scope aggregation.Scope) (revision int64, committed time.Time, total int64, err error) {
	m, err := r.edition(ctx, scope)
	if err != nil {
		return 0, time.Time{}, 0, err
	}
	return m.revision, m.committed, m.total, nil
}

// Account returns one account of a snapshot by its id; found is false when there is none.
func (r *Reader) Account(ctx context.Context, scope aggregation.Scope, id string) (account aggregation.Record, found bool, err error) {
	if !utf8.ValidString(id) || strings.Contains(id, "\x00") { // which no database keeps
		return account, false, nil
	}
	known, err := r.db.Known(ctx, scope, id)
	account, found = known[id]
	return account, found, err
}

// After returns up to limit accounts behind an id ("": from the first), in the order of the ids' bytes, all of the revision that it says.
func (r *Reader) After(ctx context.Context, scope aggregation.Scope, id string, limit int) (revision int64, page []aggregation.Record, err error) {
	if id != "" && checkID(id) != nil {
		return 0, nil, errors.New("read a page: the id before it is not text that a database keeps")
	}
	return r.page(ctx, scope, id, limit, 0)
}

// Page returns up to limit accounts from an offset on, counted from 0 in the order of the ids' bytes, all of the revision that it says.
func (r *Reader) Page(ctx context.Context, scope aggregation.Scope, offset int64, limit int) (revision int64, page []aggregation.Record, err error) {
	for range patience {
		m, err := r.edition(ctx, scope)
		if err != nil || offset < 0 || offset >= m.total {
			return m.revisionOr0(), nil, err
		}
		after, mark := "", offset/stride
		if mark > 0 {
			after = m.ids[mark-1]
		}
		if revision, page, err = r.page(ctx, scope, after, limit, offset%stride); err != nil || revision == m.revision {
			return revision, page, err
		}
	}
	return 0, nil, errRestless
}

// patience is how many commits may come between, and errRestless what is said when more do.
const patience = 5

var errRestless = errors.New("read a page: the snapshot is committed again and again meanwhile")

func (m *marked) revisionOr0() int64 {
	if m == nil {
		return 0
	}
	return m.revision
}

const pageQuery = `SELECT (SELECT revision FROM scopes WHERE connection = ? AND resource = ?), id, account, row_hash, read_at FROM accounts
	WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?) AND id > ? ORDER BY id LIMIT ? OFFSET ?`

// page reads by one statement, which sees one revision. An empty page is of the revision that is found afterwards: whoever compares that
// with another one notices a commit between.
func (r *Reader) page(ctx context.Context, scope aggregation.Scope, after string, limit int, skip int64) (revision int64, page []aggregation.Record, err error) {
	args := []any{scope.Connection, scope.Resource, scope.Connection, scope.Resource, after, int64(limit), skip}
	err = r.db.read(fmt.Sprintf("snapshot of %s %s", scope.Connection, scope.Resource), func(t tx) error {
		return t.each(ctx, pageQuery, args, func(scan scan) error {
			record, _, err := scanRecord(func(dest ...any) error { return scan(append([]any{&revision}, dest...)...) })
			page = append(page, record)
			return err
		})
	})
	if err == nil && len(page) == 0 {
		revision, err = r.db.Revision(ctx, scope)
	}
	return revision, page, err
}

// edition returns what is remembered of the present revision, and finds it out when it is a new one.
func (r *Reader) edition(ctx context.Context, scope aggregation.Scope) (*marked, error) {
	for range patience {
		revision, err := r.db.Revision(ctx, scope)
		if err != nil {
			return nil, err
		}
		r.mu.Lock()
		m := r.marks[scope]
		r.mu.Unlock()
		if m != nil && m.revision == revision {
			return m, nil
		}
		if revision == 0 {
			return &marked{}, nil
		}
		if m, err = r.mark(ctx, scope); err != nil {
			return nil, err
		}
		if m.revision == revision {
			r.mu.Lock()
			r.marks[scope] = m
			r.mu.Unlock()
			return m, nil
		}
	}
	return nil, errRestless
}

const (
	marksQuery = `SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM accounts
		WHERE scope = (SELECT id FROM scopes WHERE connection = ? AND resource = ?)) AS numbered WHERE place % ? = 0 ORDER BY id`
	totalsQuery = `SELECT revision, (SELECT count(*) FROM accounts WHERE scope = scopes.id),
		(SELECT COALESCE(MAX(completed), 0) FROM runs WHERE scope = scopes.id AND state = 'completed')
		FROM scopes WHERE connection = ? AND resource = ?`
)

// mark walks through the index of a snapshot. Its revision is 0 when another was committed meanwhile.
func (r *Reader) mark(ctx context.Context, scope aggregation.Scope) (*marked, error) {
	m := &marked{}
	err := r.db.read("count the snapshot", func(t tx) error {
		var committed, again int64
		of := []any{scope.Connection, scope.Resource}
		if err := t.one(ctx, totalsQuery, of, &m.revision, &m.total, &committed); err != nil {
			return err
		}
		m.committed = fromMicros(committed)
		if err := t.each(ctx, marksQuery, append(of[:2:2], int64(stride)), func(scan scan) error {
			var id string
			err := scan(&id)
			m.ids = append(m.ids, id)
			return err
		}); err != nil {
			return err
		}
		if err := t.one(ctx, "SELECT revision FROM scopes WHERE connection = ? AND resource = ?", of, &again); err != nil {
			return err
		}
		if again != m.revision {
			m.revision = 0
		}
		return nil
	})
	return m, err
}
