package connectors

import (
	"fmt"
	"slices"
	"strings"
)

// suggest ends a fault about a name that is not among valid: the nearest one, or else what there is.
func suggest(name string, valid []string) string {
	if len(valid) == 0 {
		return "there is none yet"
	}
	best, distance := "", 1+max(1, len(name)/3)
	for _, candidate := range slices.Sorted(slices.Values(valid)) {
		if d := edits(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	const most = 12
	sorted := slices.Sorted(slices.Values(valid))
	if extra := len(sorted) - most; extra > 0 {
		return fmt.Sprintf("there are %s … (%d more)", strings.Join(sorted[:most], ", "), extra)
	}
	return "there is " + strings.Join(sorted, ", ")
}

// edits is the Levenshtein distance in bytes: names are ASCII.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
