package aggregation

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func draw(seed uint64, most int, ids []string) []string {
	l := &lottery{seed: seed, most: most}
	for _, id := range ids {
		l.offer(id)
	}
	return l.ids()
}

// The same seed draws the same ids in whatever order and how often they come; another seed draws others; each id has its chance.
func TestLottery(t *testing.T) {
	t.Parallel()
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = fmt.Sprint("id-", i)
	}
	first := draw(1, 50, ids)
	mixed := slices.Concat(ids, ids)
	rand.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	if again := draw(1, 50, mixed); len(first) != 50 || !slices.Equal(first, again) {
		t.Errorf("the same seed: got %v and %v, want the same 50", first, again)
	}
	if other := draw(2, 50, ids); slices.Equal(first, other) {
		t.Errorf("another seed: got %v again, want others", other)
	}
	if all := draw(1, 50, ids[:20]); len(all) != 20 {
		t.Errorf("of 20: got %d, want all", len(all))
	}
	lower := 0
	for seed := range uint64(100) {
		for _, id := range draw(seed, 50, ids) {
			if slices.Index(ids, id) < 500 {
				lower++
			}
		}
	}
	if lower < 2250 || lower > 2750 {
		t.Errorf("of 5,000 drawn: got %d of the first half, want about as many as of the second", lower)
	}
}

// rowsOf are rows of a step with these ids.
func rowsOf(step int, ids ...string) (rows []Row) {
	for _, id := range ids {
		rows = append(rows, Row{step, id, []byte(`{}`)})
	}
	return rows
}

// Of the accounts only the sample is held, of what joins go over everything; what is kept again replaces what a call had begun.
func TestHeldLists(t *testing.T) {
	t.Parallel()
	walk := func(l *heldLists, first, last int, from string) (ids []string) {
		for row, err := range l.Rows(t.Context(), first, last, from) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, fmt.Sprint(row.Step, row.ID))
		}
		return ids
	}
	keep := func(l *heldLists, b Batch) {
		t.Helper()
		if err := l.Keep(t.Context(), b, Checkpoint{Step: b.Step}); err != nil {
			t.Fatal(err)
		}
	}
	l := &heldLists{own: 1, wanted: map[string]bool{"b": true, "d": true}, rows: map[listKey][]heldRow{}}
	keep(l, Batch{Step: 0, Rows: rowsOf(0, "z", "y")})
	keep(l, Batch{Step: 1, Rows: rowsOf(1, "d", "a", "b")})
	keep(l, Batch{Step: 1, First: 3, Rows: rowsOf(1, "c")})
	keep(l, Batch{Step: 2, Over: "z", Rows: rowsOf(2, "b", "c")})
	keep(l, Batch{Step: 2, Over: "y", Rows: rowsOf(2, "d", "b")})
	keep(l, Batch{Step: 2, Over: "y", First: 1, Rows: rowsOf(2, "a")}) // the call was broken off
	if got, want := walk(l, 0, 0, "z"), []string{"0z"}; !slices.Equal(got, want) {
		t.Errorf("rows from z on: got %v, want %v", got, want)
	}
	if got, want := walk(l, 1, 2, ""), []string{"1b", "2b", "1d", "2d"}; !slices.Equal(got, want) || l.listed != 4 {
		t.Errorf("rows of the sample: got %v of %d, want %v of 4", got, l.listed, want)
	}

	drawing := &lottery{seed: 3, most: 2}
	l = &heldLists{own: 0, whole: true, drawing: drawing, wanted: map[string]bool{}, rows: map[listKey][]heldRow{}}
	keep(l, Batch{Rows: rowsOf(0, "gone", "a")})
	keep(l, Batch{}) // it is read from its beginning
	keep(l, Batch{Rows: rowsOf(0, "a", "b", "c", "d")})
	if got := walk(l, 0, 0, ""); len(got) != 4 || len(l.wanted) != 2 || l.wanted["gone"] {
		t.Errorf("a list that is joined over: got %v and the sample %v, want four rows and two of them drawn", got, l.wanted)
	}

	many := make([]string, mostHeld+1)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	l = &heldLists{own: 1, rows: map[listKey][]heldRow{}}
	if err := l.Keep(t.Context(), Batch{Rows: rowsOf(0, many...)}, Checkpoint{}); !errors.Is(err, errHeldTooMany) {
		t.Errorf("too many rows: got %v, want %v", err, errHeldTooMany)
	}
}
