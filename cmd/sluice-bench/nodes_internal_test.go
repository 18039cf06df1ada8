package main

import (
	"testing"
	"time"
)

// TestNodesMeetTheirBars: four nodes are never refused, use at least 95 % of the limit, and get over a dead node and a store that is gone.
func TestNodesMeetTheirBars(t *testing.T) {
	t.Parallel()
	f, err := measureNodes(t.Context(), nodesSpan, 1, func(string, ...any) {})
	if err != nil {
		t.Fatal(err)
	}
	if f.efficiency < 0.95 {
		t.Errorf("least efficiency: got %.4f, want 0.95 or more", f.efficiency)
	}
	for what, got := range map[string]int{
		"no misfortune": f.refused, "a node killed": f.killedRefused, "store gone": f.goneRefused, "store emptied": f.emptiedRefused,
	} {
		if got != 0 {
			t.Errorf("429s with %s: got %d, want 0", what, got)
		}
	}
	if f.killedReused < 0.95 {
		t.Errorf("calls of the others in the window after next: got %.4f of the limit, want 0.95 or more", f.killedReused)
	}
	if most := length + 10*time.Second; f.killedAgain == 0 || f.killedAgain > most {
		t.Errorf("the others had a dead node's places after %v, want within %v", f.killedAgain, most)
	}
	if f.goneUsed < 0.4 { // a window of waiting, then the shares of all
		t.Errorf("calls while the store was gone: got %.4f of the limit, want 0.4 or more", f.goneUsed)
	}
}

// TestNodesBenchSeesRefusals: the bars could be missed. Shares that make more than one whole are refused while the store is gone.
func TestNodesBenchSeesRefusals(t *testing.T) {
	t.Parallel()
	greedy := newFleet(crowds[0], "sliding log", 8, 1)
	greedy.gone, greedy.terms.Share = [2]int{2, 5}, 0.5
	if got := greedy.run().refused; got == 0 {
		t.Errorf("429s of four nodes with half the limit each: got 0, want some")
	}
	hasty := newFleet(crowds[0], "sliding log", 8, 1)
	hasty.terms.Window = length - 10*time.Second
	if got := hasty.run().refused; got == 0 {
		t.Errorf("429s under a window that is configured too short: got 0, want some")
	}
}

// TestNodesServeUnequalDemand: who wants little gets all of it though another node would take everything, and who is alone gets nearly all.
func TestNodesServeUnequalDemand(t *testing.T) {
	t.Parallel()
	got := newFleet(crowds[2], "fixed from first call", nodesSpan, 3).run().perNode
	for i, calls := range got[1:] { // 6.5 calls a window each
		if want := 150; calls < want {
			t.Errorf("calls of node %d beside a busy one: got %d, want %d or more", i+1, calls, want)
		}
	}
	if alone := newFleet(crowds[1], "fixed from first call", nodesSpan, 3).run().perNode[0]; alone < nodesSpan*enough {
		t.Errorf("calls of a node alone among idle ones: got %d, want %d or more", alone, nodesSpan*enough)
	}
}
