package events

import (
	"testing"
	"time"

	"github.com/sosodev/duration"
)

// FuzzSpan: what passes for a time to wait is one in the sum of its parts, however large these are.
func FuzzSpan(f *testing.F) {
	for _, text := range []string{"P1000Y100000MT1H", "PT1H", "P1Y", "P366D", "P1Y1D", "P12M1DT1S", "-P1D", "P", "PT", "P292Y292Y", "P584Y202DT1H", "P1e9Y", "PT9999999999H", "P0.5Y"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if span("x", text) != nil {
			return
		}
		d, err := duration.Parse(text)
		if err != nil {
			t.Fatalf("%q passes, and cannot be read: %v", text, err)
		}
		seconds := d.Seconds + 60*(d.Minutes+60*(d.Hours+24*(d.Days+7*d.Weeks+365*d.Years+365*d.Months/12)))
		if d.Negative || seconds <= 0 || seconds > longestWait.Seconds()+1 || d.ToTimeDuration() > longestWait || d.ToTimeDuration() < time.Nanosecond {
			t.Errorf("%q passes, and is %g seconds, and %s", text, seconds, d.ToTimeDuration())
		}
	})
}
