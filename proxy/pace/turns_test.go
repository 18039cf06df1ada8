package pace_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"sluice/proxy/pace"
	"sluice/proxy/pace/shadow"
)

// contest has two limits of one place a window, both free in the same moment, and callers who come while both are taken.
type contest struct {
	*bench
	left, right, third *pace.Bucket
	went               []string // consumers, in the order of going
}

func newContest() *contest {
	c := &contest{bench: newBench(pace.Settings{Bound: 100, Floor: pace.DefaultFloor})}
	one := pace.Rule{Limit: 1, Window: window}
	c.left, c.right = c.q.Bucket("left", one), c.q.Bucket("right", one)
	c.third = c.q.Bucket("third", pace.Rule{Limit: 100, Window: window})
	c.ended = func(w *pace.Waiter) { c.went = append(c.went, w.Consumer) }
	c.come("opener", shadow.Critical, c.left, c.right)
	c.come("opener", shadow.Critical, c.third) // whose answer makes it known
	c.run(window / 2)                          // bulk that comes now has not waited a whole window when they come free
	c.went = nil
	return c
}

// come adds a caller; a new line waits at the first of its buckets that has no place.
func (c *contest) come(consumer string, lane pace.Lane, in ...*pace.Bucket) {
	c.join(pace.Caller{Consumer: consumer, Lane: lane, Patience: forever}, in...)
	c.run(0)
}

// TestPlacesThatComeFreeAtOnce: a caller who needs two limits and waits at one of them neither passes who goes before it at the other nor
// is passed there.
func TestPlacesThatComeFreeAtOnce(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		come func(c *contest, here, there *pace.Bucket)
		want string // goes first
	}{
		"a lower lane does not pass": {func(c *contest, here, there *pace.Bucket) {
			c.come("reads both", shadow.Bulk, here, there)
			c.come("writes there", shadow.Interactive, there)
		}, "writes there"},
		"a later turn does not pass": {func(c *contest, here, there *pace.Bucket) {
			c.come("has had a turn", shadow.Bulk, there)
			c.come("meanwhile here", shadow.Bulk, here)
			c.run(window + time.Second)
			c.went = nil
			c.come("has had a turn", shadow.Bulk, here, there)
			c.come("new there", shadow.Bulk, there)
		}, "new there"},
		"critical is not passed by one": {func(c *contest, here, there *pace.Bucket) {
			c.come("reads there", shadow.Bulk, there)
			c.come("leaver", shadow.Critical, here, there)
		}, "leaver"},
		"critical is not passed by one who needs more": {func(c *contest, here, there *pace.Bucket) {
			c.come("reads there", shadow.Bulk, there, c.third)
			c.come("leaver", shadow.Critical, here, there)
		}, "leaver"},
		"who came first is not passed": {func(c *contest, here, there *pace.Bucket) {
			c.come("reads both", shadow.Bulk, here, there)
			c.come("reads there", shadow.Bulk, there)
		}, "reads both"},
	} {
		for _, mirrored := range []bool{false, true} {
			t.Run(fmt.Sprint(name, mirrored), func(t *testing.T) {
				t.Parallel()
				c := newContest()
				here, there := c.left, c.right
				if mirrored {
					here, there = there, here
				}
				tt.come(c, here, there)
				if len(c.went) > 0 {
					t.Fatalf("%v went while both limits were spent", c.went)
				}
				c.run(window + time.Second)
				if len(c.went) == 0 || c.went[0] != tt.want {
					t.Errorf("when both came free %v went, want %q first", c.went, tt.want)
				}
			})
		}
	}
}

// TestNewcomersStandBehindWhoWaits: who comes when others wait for their turn of the same round goes after them.
func TestNewcomersStandBehindWhoWaits(t *testing.T) {
	t.Parallel()
	b := newBench(pace.Settings{Bound: 100})
	bucket := spaced(b)
	var went []string
	b.ended = func(w *pace.Waiter) { went = append(went, w.Consumer) }
	b.join(pace.Caller{Consumer: "opener", Lane: shadow.Bulk, Patience: forever}, bucket)
	for range 5 {
		for _, consumer := range []string{"a", "b", "c"} {
			b.join(pace.Caller{Consumer: consumer, Lane: shadow.Bulk, Patience: forever}, bucket)
		}
	}
	b.run(10*time.Second + time.Second/2) // three whole rounds, and a's turn of the fourth
	went = nil
	b.join(pace.Caller{Consumer: "newcomer", Lane: shadow.Bulk, Patience: forever}, bucket)
	b.run(5 * time.Second)
	if want := []string{"b", "c", "newcomer", "a", "b"}; !slices.Equal(went, want) {
		t.Errorf("went %v, want %v", went, want)
	}
}
