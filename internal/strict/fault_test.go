package strict_test

import (
	"errors"
	"fmt"
	"testing"

	"sluice/internal/strict"
)

func TestFaultString(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault strict.Fault
		want  string
	}{
		{"whole", strict.Fault{File: "sluice.yaml", Line: 3, Column: 7, Key: "a.b[2]", Message: "is a list, must be a number"}, "sluice.yaml:3:7: a.b[2]: is a list, must be a number"},
		{"no key", strict.Fault{File: "sluice.yaml", Line: 3, Column: 7, Key: "", Message: "a quote is not closed"}, "sluice.yaml:3:7: a quote is not closed"},
		{"no line", strict.Fault{File: "environment SLUICE_A", Line: 0, Column: 0, Key: "a", Message: "is required"}, "environment SLUICE_A: a: is required"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.fault.String(); got != tt.want {
				t.Errorf("String() = %q, want %q", got, tt.want)
			}
			if got := tt.fault.Error(); got != tt.want {
				t.Errorf("Error() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFaultsErr(t *testing.T) {
	t.Parallel()
	if err := (strict.Faults{}).Err(); err != nil {
		t.Errorf("Err() of no faults = %v, want nil", err)
	}
	late := strict.Fault{File: "a.yaml", Line: 10, Column: 1, Message: "late"}
	right := strict.Fault{File: "a.yaml", Line: 2, Column: 9, Message: "right"}
	left := strict.Fault{File: "a.yaml", Line: 2, Column: 1, Message: "left"}
	other := strict.Fault{File: "b.yaml", Line: 1, Column: 1, Message: "other"}
	err := fmt.Errorf("check: %w", strict.Faults{other, late, right, late, left}.Err())

	want := "check: a.yaml:2:1: left\na.yaml:2:9: right\na.yaml:10:1: late\nb.yaml:1:1: other"
	if got := err.Error(); got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
	if all, ok := errors.AsType[strict.Faults](err); !ok || len(all) != 4 {
		t.Errorf("AsType[Faults] = %v, %t, want 4 faults", all, ok)
	}
	if first, ok := errors.AsType[strict.Fault](err); !ok || first != left {
		t.Errorf("AsType[Fault] = %v, %t, want %v", first, ok, left)
	}
}
