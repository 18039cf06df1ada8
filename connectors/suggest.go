package connectors

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// suggest ends a fault about a name that is not among valid: the nearest one, or else what there is.
func suggest(name string, valid []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(valid)))
	best, distance := "", 1+max(1, len(name)/3)
	for _, candidate := range sorted {
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	const most = 12
	switch extra := len(sorted) - most; {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(sorted) == 0:
		return "there is none"
	case len(sorted) == 1:
		return "there is only " + sorted[0]
	case extra > 0:
		return fmt.Sprintf("there are %s … (%d more)", strings.Join(sorted[:most], ", "), extra)
	}
	return "there are " + strings.Join(sorted, ", ")
}

// edits counts the letters to put in, leave out, replace or swap with their neighbour (optimal string alignment), in bytes:
// names are ASCII.
func edits(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// brief writes a duration without its zeros: 10m, not 10m0s.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
