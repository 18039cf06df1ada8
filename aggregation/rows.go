package aggregation

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"

	"sluice/connectors"
)

const (
	maxAnswer    = 64 << 20
	streamFactor = 32 // an answer that is read row by row takes no memory of its size
)

// rows reads the rows of an answer into in, and returns the document where it was decoded whole. Where the answer is the array itself,
// its rows are read one by one: a list of 500,000 people in one answer, as TeamDynamix gives it, is some 200 MB.
func (p *Pager) rows(resp *http.Response, l *connectors.Listing, in *intake) (any, error) {
	most := orDefault(p.MaxBytes, maxAnswer)
	paging := &l.Paging
	if strings.TrimSpace(l.Items.String()) == "." && paging.Next == nil && paging.Total == nil {
		return nil, stream(&limited{resp.Body, most * streamFactor}, in)
	}
	doc, err := decode(&limited{resp.Body, most})
	if err != nil {
		return nil, err
	}
	v, err := l.Items.Value(doc)
	if err != nil {
		return nil, fmt.Errorf("items: %w", err)
	}
	items, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("items: %s gives no array", l.Items)
	}
	in.batch = max(in.batch, len(items)+1) // they are in memory already, and go out with the answer's own position
	for _, item := range items {
		if err := in.add(item); err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// stream reads a JSON array row by row, and makes sure that it ends.
func stream(r io.Reader, in *intake) error {
	d := json.NewDecoder(r)
	d.UseNumber()
	begin, err := d.Token()
	if err != nil {
		return unreadable(err)
	}
	if begin != json.Delim('[') {
		return fmt.Errorf("%w: not an array", errNotJSON)
	}
	for d.More() {
		var row any
		if err := d.Decode(&row); err != nil {
			return unreadable(err)
		}
		if err := in.add(row); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return unreadable(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more after the array", errNotJSON)
	}
	return nil
}

// intake gathers the rows of one answer and hands them over in batches.
type intake struct {
	at    Position // of the answer
	keep  func(Page) error
	batch int
	hash  bool // the page may come again: its rows are hashed

	rows  []any
	count int
	sha   hash.Hash
}

func (in *intake) add(row any) error {
	if len(in.rows) == in.batch {
		if err := in.flush(in.at); err != nil {
			return err
		}
	}
	if in.hash {
		if in.sha == nil {
			in.sha = sha256.New()
		}
		b, err := canonicalJSON(row)
		if err != nil {
			return err
		}
		_, _ = in.sha.Write(b) // a hash never fails
	}
	in.rows = append(in.rows, row)
	in.count++
	return nil
}

// flush hands over what is gathered, with the position that counts once it is kept.
func (in *intake) flush(at Position) error {
	rows := in.rows
	in.rows = nil
	return in.keep(Page{Rows: rows, First: in.at.Rows + in.count - len(rows), At: at})
}

// sum is the hash of all rows of the answer; "" where it cannot come again.
func (in *intake) sum() string {
	if in.sha == nil {
		return ""
	}
	return hex.EncodeToString(in.sha.Sum(nil)[:16])
}
