package strict_test

import (
	"math"
	"testing"

	"sluice/internal/strict"
)

func TestSize(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		want strict.Size
		back string
	}{
		{"8MiB", 8 << 20, "8MiB"},
		{"64KiB", 64 << 10, "64KiB"},
		{"4MB", 4_000_000, "4MB"},
		{"3kB", 3000, "3KB"},
		{"1.5GiB", 3 << 29, "1536MiB"},
		{"1024B", 1024, "1KiB"},
		{"1 TB", 1e12, "1TB"},
		{"0B", 0, "0B"},
		{"1025B", 1025, "1025B"},
		{"8388607TiB", 8388607 << 40, "8388607TiB"},
		{"9223372036854775807B", math.MaxInt64, "9223372036854775807B"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			var got strict.Size
			if err := got.UnmarshalText([]byte(tt.text)); err != nil || got != tt.want {
				t.Errorf("UnmarshalText(%q) = %d, %v, want %d", tt.text, got, err, tt.want)
			}
			if back := got.String(); back != tt.back {
				t.Errorf("String() = %q, want %q", back, tt.back)
			}
		})
	}
}

func TestSizeErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, want string }{
		{"8", "no unit: say 8B, 8KiB or 8MiB"},
		{"1.5", "no unit: say 1.5B, 1.5KiB or 1.5MiB"},
		{"", "not a size"},
		{"MiB", "not a size"},
		{"-1MiB", "not a size"},
		{"1e3MiB", "not a size"},
		{"1.2.3MiB", "not a size"},
		{"8 apples", "not a size"},
		{"1.5B", "not a whole number of bytes"},
		{"8388608TiB", "more than 8388607TiB"},
		{"9223372036854775808B", "more than 8388607TiB"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Parallel()
			got := strict.Size(7)
			err := got.UnmarshalText([]byte(tt.text))
			if err == nil || err.Error() != tt.want || got != 7 {
				t.Errorf("UnmarshalText(%q) = %v, left %d, want %q and 7 as before", tt.text, err, got, tt.want)
			}
		})
	}
}

// Whatever is read as a size must be read as the same size once it is written.
func FuzzSize(f *testing.F) {
	for _, seed := range []string{"8MiB", "1.5GB", "0B", "1025B", "9223372036854775807B", "0.1KiB", "-1B", " 7 kB "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second strict.Size
		if first.UnmarshalText([]byte(text)) != nil {
			return
		}
		if first < 0 {
			t.Errorf("UnmarshalText(%q) = %d, want no negative size", text, first)
		}
		if err := second.UnmarshalText([]byte(first.String())); err != nil || first != second {
			t.Errorf("UnmarshalText(%q) = %d, %v after %q gave %d", first, second, err, text, first)
		}
	})
}
