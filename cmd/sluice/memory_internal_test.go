package main

import "testing"

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		used uint64
		want int64
	}{
		{0, 128 << 20},
		{100 << 20, 128 << 20},
		{200 << 20, 250 << 20},
		{8 << 30, 10 << 30},
	}
	for _, tt := range tests {
		if got := memoryLimit(tt.used); got != tt.want {
			t.Errorf("memoryLimit(%d MiB) = %d MiB, want %d", tt.used>>20, got>>20, tt.want>>20)
		}
	}
	if got := inUse(); got == 0 {
		t.Error("nothing is in use: the runtime's metrics have other names")
	}
}
