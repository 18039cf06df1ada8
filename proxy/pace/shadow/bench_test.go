package shadow_test

import (
	"testing"
	"time"

	"sluice/proxy/pace/shadow"
)

// BenchmarkDecide is what a call costs while places are free: whether it may go, taking the place, and its answer.
func BenchmarkDecide(b *testing.B) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	said := shadow.Report{HasLimit: true, HasRemaining: true, HasReset: true, Limit: 60, Remaining: 59, ResetAfter: time.Minute}
	b.Run("next", func(b *testing.B) {
		g := shadow.New(shadow.Rule{Limit: 60, Window: time.Minute, Kind: shadow.FirstCall})
		g.Answer(now, g.Send(now, shadow.Bulk), said)
		b.ReportAllocs()
		for b.Loop() {
			if g.Next(now, shadow.Bulk).After(now) {
				b.Fatal("no place is free")
			}
		}
	})
	b.Run("next and send", func(b *testing.B) {
		g := shadow.New(shadow.Rule{Limit: 1 << 30, Window: time.Minute, Kind: shadow.FirstCall})
		g.Answer(now, g.Send(now, shadow.Bulk), said)
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Microsecond)
			if g.Next(now, shadow.Bulk).After(now) {
				b.Fatal("no place is free")
			}
			g.Unsend(now, g.Send(now, shadow.Bulk))
		}
	})
	b.Run("next, send and answer", func(b *testing.B) {
		g := shadow.New(shadow.Rule{Limit: 1 << 30, Window: time.Second})
		said := shadow.Report{HasLimit: true, HasRemaining: true, HasReset: true, Limit: 1 << 30, Remaining: 1 << 29, ResetAfter: time.Second}
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(10 * time.Microsecond)
			if g.Next(now, shadow.Bulk).After(now) {
				b.Fatal("no place is free")
			}
			g.Answer(now.Add(time.Microsecond), g.Send(now, shadow.Bulk), said)
		}
	})
}
