package redact

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestRedactReadsEscapes: a secret is blanked in whichever way a receiver writes it, and what stands around it stays as it is.
func TestRedactReadsEscapes(t *testing.T) {
	t.Parallel()
	s := Secrets([]string{"Zm9v/YmFy+A==", `pass"word\1`, "<a&b>'x'", "päss\nwörd😀", "two words", "100%sure"})
	for text, want := range map[string]string{
		`{"h":"Basic Zm9v\/YmFy+A=="}`:                             `{"h":"Basic [redacted]"}`,
		`{"h":"Basic Zm9v/YmFy+A\u003d\u003D","n":"\n"}`:           `{"h":"Basic [redacted]","n":"\n"}`,
		`{"h":"\u005A\u006d9v\u002FYmFy\u002bA=="} \u0041`:         `{"h":"[redacted]"} \u0041`,
		`{"p":"pass\"word\\1"}`:                                    `{"p":"[redacted]"}`,
		`{"p":"pass\u0022word\u005c1"}`:                            `{"p":"[redacted]"}`,
		`{"body":"{\"p\":\"pass\\\"word\\\\1\"}"}`:                 `{"body":"{\"p\":\"[redacted]\"}"}`,
		`{"body":"{\"h\":\"Zm9v\\\/YmFy+A==\"}"}`:                  `{"body":"{\"h\":\"[redacted]\"}"}`,
		`"\u003ca\u0026b\u003e\u0027x\u0027"`:                      `"[redacted]"`,
		`"p\u00e4ss\nw\u00F6rd\ud83d\uDE00\u00e4"`:                 `"[redacted]\u00e4"`,
		`/?k=Zm9v%2FYmFy%2BA%3D%3D&l=%20`:                          `/?k=[redacted]&l=%20`,
		`/Zm9v%2fYmFy+A==/%41`:                                     `/[redacted]/%41`,
		`k=two+words&l=1+1`:                                        `k=[redacted]&l=1+1`,
		`/two%20words/100%25sure/100%sure`:                         `/[redacted]/[redacted]/[redacted]`,
		`Zm9v\/YmFy+A==Zm9v\/YmFy+A== two words Zm9v%2FYmFy+A%3d=`: `[redacted][redacted] [redacted] [redacted]`,
		`nothing \u00zz \ud83d \ud83d\u0041 \x %zz % \`:            `nothing \u00zz \ud83d \ud83d\u0041 \x %zz % \`,
		``: ``,
	} {
		if got := string(s.Blank([]byte(text), false)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestRedactHalf: of a secret that was cut, in whichever way it is written, no more is left than could be of any text.
func TestRedactHalf(t *testing.T) {
	t.Parallel()
	for _, written := range [][]string{
		{"Zm9v/YmFy+A==", `Zm9v\/YmFy+A\u003d\u003D`, `\u005A\u006d9v\u002FYmFy\u002bA==`, `Zm9v\\\/YmFy\\u002bA=\\u003d`, "Zm9v%2fYmFy%2BA%3D="},
		{`pass"word\1`, `pass\"word\\1`, `pass\u0022word\u005c1`, `pass\\\"word\\\\1`, "%70%61ss%22word%5C1"},
		{"päss\nwörd😀!", `p\u00e4ss\nw\u00F6rd\ud83d\uDE00!`, `p\\u00e4ss\\nwörd\\ud83d\\uDE00!`, "p%C3%A4ss%0Aw%c3%b6rd%F0%9F%98%80!"},
		{"two words", "two+words", `two\u0020words`}, {"aaaaab", "aaaaab"}, {"abcabcabd", "abcabcabd"},
	} {
		s := Secrets{written[0]}
		for _, w := range written {
			for n := range len(w) {
				text := []byte("x " + w[:n])
				got := s.Blank(text, true)
				for _, r := range append(readings(got), reading{plain: got}) {
					if strings.Contains(string(r.plain), written[0][:least]) {
						t.Errorf("%s: got %s, which holds the beginning of %s", text, got, written[0])
					}
				}
				if !strings.HasPrefix(string(got), "x ") {
					t.Errorf("%s: got %s, want what is before it to stay", text, got)
				}
			}
		}
	}
	s := Secrets{"planted-token"}
	for _, text := range []string{"", "p", "pla", "xplan", "planted-x", "a planet", `\`, "%"} {
		want := map[bool]string{false: text, true: "x[redacted]"}[text == "xplan"]
		if got := string(s.Blank([]byte(text), true)); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// FuzzRedact: what our own encoders write of a secret is blanked wherever it stands, and texts without escapes and secrets stay.
func FuzzRedact(f *testing.F) {
	for _, secret := range []string{"Zm9v/YmFy+A==", `pass"word\1`, "<a&b>", "päss\nwörd😀", "two words", "aaaa"} {
		f.Add(secret, "x ", " y")
	}
	f.Fuzz(func(t *testing.T, secret, before, after string) {
		s := Secrets{secret}
		_ = s.Blank([]byte(before), true)
		if len(secret) < 4 || !utf8.ValidString(secret) || strings.ContainsAny(secret, "[]") || strings.Contains(Mark, secret) || strings.ContainsAny(before+after, `\%+`) {
			t.Skip("no secret, or its escapes may go on in what stands around it")
		}
		if plain := before + after; !strings.Contains(plain, secret) && string(s.Blank([]byte(plain), false)) != plain {
			t.Errorf("%q without %q was changed", plain, secret)
		}
		if half := secret[:len(secret)-1]; len(half) >= least && strings.HasSuffix(string(s.Blank([]byte(before+half), true)), half) {
			t.Errorf("%q: its beginning is left at the end of what was cut", secret)
		}
		quoted, err := json.Marshal(secret)
		if err != nil {
			t.Fatal(err)
		}
		written := string(quoted[1 : len(quoted)-1])
		for _, escaped := range []string{secret, written, strings.ReplaceAll(written, "/", `\/`), url.QueryEscape(secret), url.PathEscape(secret)} {
			if got := string(s.Blank([]byte(before+escaped+after), false)); strings.Contains(got, escaped) {
				t.Errorf("%q: got %q, which holds %q", secret, got, escaped)
			}
		}
	})
}
