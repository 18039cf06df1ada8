package connectors_test

import (
	"strings"
	"testing"
	"time"

	"sluice/connectors"
)

// loadText loads a sluice.yaml that begins with text.
func loadText(t *testing.T, text string, vars ...string) *connectors.Set {
	t.Helper()
	return load(t, text+emptyMain, plainAcme, vars...)
}

func TestDatabaseIsASecret(t *testing.T) {
	t.Parallel()
	const planted = "postgres://sluice:hunter2@db.example:5432/sluice"
	for name, c := range map[string]struct{ text, value, reference string }{
		"by the environment": {"database: ${env:DB}\n", planted, "${env:DB}"},
		"without a password": {"database: postgresql://sluice@db.example/sluice?sslmode=require\n", "postgresql://sluice@db.example/sluice?sslmode=require", "postgresql://sluice@db.example/sluice?sslmode=require"},
		"set from outside":   {"logging: {level: info}\n", planted, "${env:DB}"},
	} {
		vars := []string{"DB=" + planted}
		if name == "set from outside" {
			vars = append(vars, "SLUICE_DATABASE=${env:DB}")
		}
		set := loadText(t, c.text, vars...)
		if got := set.Database.Reveal(); got != c.value {
			t.Errorf("%s: got %q, want %q", name, got, c.value)
		}
		shown, err := set.Show()
		if err != nil || !strings.Contains(string(shown), "database: "+c.reference) || strings.Contains(string(shown), "hunter2") {
			t.Errorf("%s: got %v and\n%s\nwant %s in it and no password", name, err, shown, c.reference)
		}
	}
	if a, b := loadText(t, "database: ${env:DB}\n", "DB="+planted), loadText(t, "database: ${env:DB}\n", "DB="+planted+"2"); a.Revision == b.Revision {
		t.Errorf("two databases: got the revision %s twice, want two", a.Revision)
	}
}

func TestLeasesHaveDefaults(t *testing.T) {
	t.Parallel()
	const database = "database: postgres://db.example/sluice\n"
	for text, want := range map[string]connectors.Leases{
		"logging: {level: info}\n":                    {},
		database:                                      {TTL: 5 * time.Second, Transit: 5 * time.Second},
		database + "leases: {share: 0.25}\n":          {Share: 0.25, TTL: 5 * time.Second, Transit: 5 * time.Second},
		database + "leases: {ttl: 2s, transit: 1s}\n": {TTL: 2 * time.Second, Transit: time.Second},
	} {
		if got := loadText(t, text).Leases; got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}
