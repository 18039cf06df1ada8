package web_test

import (
	"fmt"
	"net/url"
	"testing"
)

// BenchmarkFilter is what a filter over 50,000 people costs: the first question, which walks through the snapshot, and each one after it.
func BenchmarkFilter(b *testing.B) {
	h := open(b, 50_000)
	ask := func(i int) {
		target := "/scim/tdx/Users?filter=" + url.QueryEscape(fmt.Sprintf(`userName eq "user%d@acme.example"`, i%50_000))
		if got := h.get(b, target); got.body["totalResults"] != 1.0 {
			b.Fatalf("%s: got %s, want one", target, got.text)
		}
	}
	ask(0)
	first := b.Elapsed()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		ask(i)
	}
	b.ReportMetric(float64(first.Milliseconds()), "first-ms")
}
