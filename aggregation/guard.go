package aggregation

import (
	"fmt"
	"strconv"
)

// Counts are the accounts of a run, by what became of them.
type Counts struct {
	Before    int `json:"before"`  // in the snapshot when the run began
	Scanned   int `json:"scanned"` // rows of the listing
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"` // rows whose account could not be read or mapped; they count as unchanged to the comparison
}

// Add enters one change.
func (c *Counts) Add(change Change) {
	switch change.Kind {
	case Created:
		c.Added++
	case Changed:
		c.Changed++
	case Deleted:
		c.Removed++
	}
}

// Guard says how much may be gone or changed at once before an operator must look: more than Percent of the snapshot and at least Minimum
// accounts. The zero Guard is the default one, 5 percent and 20 accounts; a Percent of 100 holds nothing.
type Guard struct {
	Percent float64
	Minimum int
}

// The defaults of Guard.
const (
	guardPercent = 5
	guardMinimum = 20
)

// Check returns why a run with these counts must be held, in words for the operator, or "". What is gone and what changed are judged
// each by itself. A first run, which has no snapshot to lose, is never held.
func (g Guard) Check(c Counts) string {
	if g == (Guard{}) {
		g.Percent = guardPercent
	}
	if g.Minimum == 0 {
		g.Minimum = guardMinimum
	}
	if c.Before <= 0 {
		return ""
	}
	for _, part := range []struct {
		count int
		word  string
	}{{c.Removed, "gone"}, {c.Changed, "changed"}} {
		share := 100 * float64(part.count) / float64(c.Before)
		if part.count >= g.Minimum && share > g.Percent {
			return fmt.Sprintf("%s of %s accounts are %s at once (%.1f %%; more than %s %% and at least %s are held)",
				thousands(part.count), thousands(c.Before), part.word, share,
				strconv.FormatFloat(g.Percent, 'f', -1, 64), thousands(g.Minimum))
		}
	}
	return ""
}

// Unread returns why a run that read its whole scope must be held because too many accounts could not be read or mapped, in words for the
// operator, or "". They count as there and unchanged, so that what came of them would look like success. Where every single one failed, the
// minimum does not matter, and neither does whether there was a run before.
func (g Guard) Unread(c Counts) string {
	if g == (Guard{}) {
		g.Percent = guardPercent
	}
	if g.Minimum == 0 {
		g.Minimum = guardMinimum
	}
	if c.Scanned <= 0 {
		return ""
	}
	share := 100 * float64(c.Failed) / float64(c.Scanned)
	if share <= g.Percent || c.Failed < g.Minimum && c.Failed < c.Scanned {
		return ""
	}
	return fmt.Sprintf("%s of %s accounts could not be read (%.1f %%; more than %s %% and at least %s are held)",
		thousands(c.Failed), thousands(c.Scanned), share, strconv.FormatFloat(g.Percent, 'f', -1, 64), thousands(g.Minimum))
}

// thousands writes a number as people read it: 55,000.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}
