package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"sluice/internal/fault"
)

func TestOf(t *testing.T) {
	t.Parallel()
	refused := fault.New("pace", 429, "rate_limited", "wait %d s", 3).After(3 * time.Second).Because(io.ErrUnexpectedEOF)
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"itself", refused, 429, "rate_limited"},
		{"wrapped", fmt.Errorf("call: %w", refused), 429, "rate_limited"},
		{"foreign", io.EOF, 500, "internal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fault.Of(tt.err)
			if got.Status != tt.status || got.Code != tt.code {
				t.Errorf("Of(%v) = %d %s, want %d %s", tt.err, got.Status, got.Code, tt.status, tt.code)
			}
		})
	}
	if got := fault.Of(nil); got != nil {
		t.Errorf("Of(nil) = %v, want nil", got)
	}
	if !errors.Is(refused, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	if got, want := refused.Error(), "pace: rate_limited: wait 3 s: unexpected EOF"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}
