package main

import (
	"strings"
	"testing"
)

// Whoever moves secrets is told that their key does not move.
func TestMoveTellsOfTheSeal(t *testing.T) {
	t.Parallel()
	for sealed, want := range map[int64]bool{0: false, 2: true} {
		text := moved{Sealed: sealed}.advice("/data")
		if got := strings.Contains(text, "/data/seal.key") && strings.Contains(text, "triggers.seal"); got != want {
			t.Errorf("%d sealed: got %q, want it to tell of the seal: %v", sealed, text, want)
		}
	}
}
