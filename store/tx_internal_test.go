package store

import "testing"

func TestNumbered(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"":                                 "",
		"SELECT 1":                         "SELECT 1",
		"?":                                "$1",
		"a = ? AND b IN (?, ?) LIMIT ?":    "a = $1 AND b IN ($2, $3) LIMIT $4",
		"x ?, ?, ?, ?, ?, ?, ?, ?, ?, ? y": "x $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 y",
	} {
		if got := numbered(query); got != want {
			t.Errorf("numbered(%q): got %q, want %q", query, got, want)
		}
	}
}

func TestWithoutLocks(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT 1":                           "SELECT 1",
		"SELECT 1 FOR UPDATE":                "SELECT 1",
		"SELECT 1 FOR UPDATE OF r":           "SELECT 1",
		"SELECT 1 FOR UPDATE SKIP LOCKED":    "SELECT 1",
		"SELECT 1 FOR SHARE":                 "SELECT 1",
		"SELECT 1 FOR SHARE OF r":            "SELECT 1",
		"SELECT ' FOR UPDATE' AS not_at_end": "SELECT ' FOR UPDATE' AS not_at_end",
	} {
		if got := withoutLocks(query); got != want {
			t.Errorf("withoutLocks(%q): got %q, want %q", query, got, want)
		}
	}
}
