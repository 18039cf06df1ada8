package filter_test

import (
	"testing"

	"sluice/triggers/filter"
)

// BenchmarkMatch is what an event costs for one subscriber, with filters as people write them.
func BenchmarkMatch(b *testing.B) {
	for name, text := range map[string]string{
		"attribute": `$.changes[?(@.attribute == "cloudLifecycleState" && @.newValue == "terminated")]`,
		"none":      `$.changes[?(@.attribute == "nothing")]`,
		"root":      `$[?($.identity.name contains "john")]`,
		"pattern":   `$.changes[?(@.newValue =~ /Mark.*ing/i)]`,
		"path":      `$.identity.name`,
	} {
		b.Run(name, func(b *testing.B) {
			doc := decoded(b, event, true)
			f, err := filter.Compile(text)
			if err != nil {
				b.Fatalf("compile: %v", err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Match(doc); err != nil {
					b.Fatalf("match: %v", err)
				}
			}
		})
	}
}

// TestMatchAllocatesNothing: a filter without lists and texts of its own making leaves no garbage, whatever the number of events.
func TestMatchAllocatesNothing(t *testing.T) { //nolint:paralleltest // allocations are counted over the whole process
	doc := decoded(t, event, true)
	f, err := filter.Compile(`$.changes[?(@.attribute == "cloudLifecycleState" && @.newValue == "terminated")]`)
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	if got := testing.AllocsPerRun(1000, func() { _, _ = f.Match(doc) }); got >= 1 {
		t.Errorf("got %v allocations for an evaluation, want none", got)
	}
}
