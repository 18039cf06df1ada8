package connectors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"sluice/internal/strict"
)

// suggest ends a fault about a name that is not among valid: the nearest one, or else what there is.
func suggest(name string, valid []string) string {
	sorted := slices.Compact(slices.Sorted(slices.Values(valid)))
	best := strict.Nearest(name, sorted)
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
