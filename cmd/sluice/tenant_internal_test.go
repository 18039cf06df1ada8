package main

import (
	"testing"

	"sluice/internal/seal"
)

// TestTenantStays: processes with the same keys name one tenant, in whichever order the keys stand, so that a roll changes it once.
func TestTenantStays(t *testing.T) {
	t.Parallel()
	one, other := seal.NewKey(), seal.NewKey()
	named := func(keys string) string {
		t.Helper()
		ring, err := seal.Parse(keys)
		if err != nil {
			t.Fatal(err)
		}
		_, tenant, err := tokenKeys(ring)
		if err != nil {
			t.Fatal(err)
		}
		return tenant
	}
	both := named(one + " " + other)
	if again := named(other + " " + one); again != both {
		t.Errorf("got the tenants %s and %s for two orders, want one", both, again)
	}
	if a, b := named(one), named(other); a == b || both != a && both != b {
		t.Errorf("got %s for both keys, and %s and %s for each, want one of these", both, a, b)
	}
}
