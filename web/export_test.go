package web_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sluice/aggregation"
	"sluice/web"
)

func walk(records ...aggregation.Record) web.Accounts {
	return func() iter.Seq2[aggregation.Record, error] {
		return func(yield func(aggregation.Record, error) bool) {
			for _, r := range records {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// hard are accounts with all that makes CSV go wrong.
func hard(t *testing.T) []aggregation.Record {
	t.Helper()
	return []aggregation.Record{
		record(t, aggregation.Account{ID: "1", Name: "O'Neil, \"Ann\"\nfrom Köln", Active: true,
			Attributes:   map[string]any{"Name": "=1+1", "Size": json.Number("1.50"), "Tags": []any{"a", "b"}, "Gone": nil},
			Entitlements: map[string][]string{"groups": {"5", "7", "9"}, "id": {"x"}}}),
		record(t, aggregation.Account{ID: "2", Attributes: map[string]any{"Empty": "", "Yes": true}}),
	}
}

func TestExportAsSheet(t *testing.T) {
	t.Parallel()
	titles := []string{"id", "name", "active", "Empty", "Gone", "attributes.Name", "Size", "Tags", "Yes", "groups", "entitlements.id"}
	ann := "O'Neil, \"Ann\"\nfrom Köln"
	for name, c := range map[string]struct {
		sheet web.Sheet
		want  [][]string
	}{
		"joined": {web.Sheet{Separator: ";"}, [][]string{
			titles,
			{"1", ann, "true", "", "", "=1+1", "1.50", "a;b", "", "5;7;9", "x"},
			{"2", "", "false", "", "", "", "", "", "true", "", ""},
		}},
		"rows": {web.Sheet{}, [][]string{
			titles,
			{"1", ann, "true", "", "", "=1+1", "1.50", "a", "", "5", "x"},
			{"1", ann, "true", "", "", "=1+1", "1.50", "b", "", "7", "x"},
			{"1", ann, "true", "", "", "=1+1", "1.50", "", "", "9", "x"},
			{"2", "", "false", "", "", "", "", "", "true", "", ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			n, err := c.sheet.Write(&out, walk(hard(t)...))
			if n != 2 || err != nil {
				t.Fatalf("got %d accounts and %v, want 2 and none", n, err)
			}
			if !strings.Contains(out.String(), "\"O'Neil, \"\"Ann\"\"") || strings.Contains(out.String(), "\r") {
				t.Errorf("got no RFC 4180:\n%s", out.String())
			}
			got, err := csv.NewReader(&out).ReadAll()
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("got %v (- want, + got):\n%s", err, diff)
			}
		})
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	_, err := web.Sheet{Separator: "5"}.Write(&bytes.Buffer{}, walk(hard(t)...))
	if want := `account 1: a value of groups holds "5"`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("a separator in a value: got %v, want %s…", err, want)
	}
	for name, write := range map[string]func() (int64, error){
		"csv":   func() (int64, error) { return web.Sheet{Separator: ";"}.Write(full{broken}, walk(hard(t)...)) },
		"jsonl": func() (int64, error) { return web.WriteLines(full{broken}, walk(hard(t)...)) },
	} {
		if _, err := write(); !errors.Is(err, broken) {
			t.Errorf("%s to a full disk: got %v, want %v", name, err, broken)
		}
	}
}

type full struct{ err error }

func (f full) Write([]byte) (int, error) { return 0, f.err }

func TestExportAsLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	all := hard(t)
	if n, err := web.WriteLines(&out, walk(all...)); n != 2 || err != nil {
		t.Errorf("got %d and %v, want 2 and none", n, err)
	}
	if want := fmt.Sprintf("%s\n%s\n", all[0].Account, all[1].Account); out.String() != want {
		t.Errorf("got %s, want %s", out.String(), want)
	}
}
