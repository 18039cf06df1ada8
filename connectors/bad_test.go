package connectors_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sluice/configs"
	"sluice/connectors"
)

// hermetic is an environment that no machine changes.
func hermetic(vars ...string) connectors.Environment {
	return connectors.Environment{Vars: append([]string{"ACME_BEID=planted-beid", "ACME_KEY=planted-key"}, vars...)}
}

// TestBadFiles holds the text of every fault: it is what an operator has to work with, so it is part of the contract.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad-*.yaml")
	if err != nil || len(files) < 36 {
		t.Fatalf("got %d files (%v), want at least 36", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			t.Parallel()
			set, faults := connectors.LoadPath(file, configs.FS, hermetic())
			if set != nil || len(faults) == 0 {
				t.Fatalf("got a Set and %d faults, want no Set and some", len(faults))
			}
			got, golden := faults.Error()+"\n", strings.TrimSuffix(file, ".yaml")+".txt"
			for _, secret := range []string{"hunter2", "planted"} {
				if strings.Contains(got, secret) {
					t.Errorf("a fault repeats %q:\n%s", secret, got)
				}
			}
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}
