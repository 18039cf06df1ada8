package strict_test

import (
	"fmt"
	"strings"
	"testing"

	"sluice/internal/strict"
)

// BenchmarkDecode reads a file of 1000 entries with all their rules, about 100 kB.
func BenchmarkDecode(b *testing.B) {
	var text strings.Builder
	text.WriteString("name: x\nchildren:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "  c%d: {name: y, timeout: 10s, tags: [a], auth: {basic: {user: me}}, inner: {must: x}}\n", i)
	}
	for b.Loop() {
		d, faults := strict.Parse("f.yaml", []byte(text.String()))
		var into everything
		if err := append(faults, strict.Decode(d, &into)...).Err(); err != nil {
			b.Fatal(err)
		}
	}
}
