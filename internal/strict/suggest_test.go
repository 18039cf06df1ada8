package strict_test

import (
	"testing"

	"sluice/internal/strict"
)

func TestSuggestions(t *testing.T) {
	t.Parallel()
	type keys struct {
		BaseURL string `yaml:"base_url"`
		Timeout string `yaml:"timeout"`
		On      string `yaml:"on"`
		Naïve   string `yaml:"naïve"`
	}
	const list = "must be one of base_url, timeout, on or naïve"
	tests := []struct{ name, key, want string }{
		{"left out", "bse_url", "did you mean base_url?"},
		{"put in", "base__url", "did you mean base_url?"},
		{"replaced", "base-url", "did you mean base_url?"},
		{"swapped", "tiemout", "did you mean timeout?"},
		{"upper case", "BASE_URL", "did you mean base_url?"},
		{"upper case of a short one", "On", "did you mean on?"},
		{"two mistakes in seven", "tmieotu", "did you mean timeout?"},
		{"beyond ASCII", "naive", "did you mean naïve?"},
		{"too far", "retry", list},
		{"short words are not guessed at", "in", list},
		{"a part of it", "base", list},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var into keys
			want := "f.yaml:1:1: " + tt.key + ": unknown key; " + tt.want
			if got := strict.Decode(parse(t, tt.key+": x\n"), &into).Error(); got != want {
				t.Errorf("Decode(%s: x) = %q, want %q", tt.key, got, want)
			}
		})
	}
	var none struct{}
	if got, want := strict.Decode(parse(t, "a: x"), &none).Error(), "f.yaml:1:1: a: unknown key; none is allowed here"; got != want {
		t.Errorf("Decode() into a struct without fields = %q, want %q", got, want)
	}
}
