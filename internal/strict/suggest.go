package strict

import (
	"fmt"
	"slices"
	"strings"
)

// maxListed is how many valid words a fault lists before it says only how many more there are.
const maxListed = 12

// suggest ends a fault about a word that is not among valid: the nearest one, or else the list.
func suggest(word string, valid []string) string {
	if len(valid) == 0 {
		return "none is allowed here"
	}
	if best := Nearest(word, valid); best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "must be one of " + enumerate(valid, "or")
}

// Nearest returns the one of valid that somebody who wrote word most likely meant, "" when none is near. Case does not count.
func Nearest(word string, valid []string) string {
	best, distance := "", 1+len(word)/3
	for _, candidate := range valid {
		if d := edits(strings.ToLower(word), strings.ToLower(candidate), distance); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// enumerate returns "a", "a or b", "a, b or c", and for many "a, b, c … (9 more)".
func enumerate(words []string, conjunction string) string {
	if extra := len(words) - maxListed; extra > 0 {
		return fmt.Sprintf("%s … (%d more)", strings.Join(words[:maxListed], ", "), extra)
	}
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " " + conjunction + " " + words[last]
}

// edits returns how many characters must be put in, left out, replaced or swapped with their neighbour to turn a into b
// (optimal string alignment), or limit when that is not less.
func edits(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			cost := 1
			if x[i] == y[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		if slices.Min(next) >= limit {
			return limit
		}
		before, row = row, next
	}
	return min(row[len(y)], limit)
}
