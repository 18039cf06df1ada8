package redact

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// A reading is a text without its escapes. at has for each byte of plain where it is written in the text, and at the end the text's length; it is
// nil where plain is the text.
type reading struct {
	plain []byte
	at    []int
}

// readings are the other ways to read a text: as a part of JSON, of JSON in a text of JSON, of a path and of a query. Each writer of JSON escapes
// what it likes ("/" as \/, "=" as \u003d, "+" as \u002B), so that to list how a secret may be written would always leave one out.
func readings(text []byte) (all []reading) {
	for inner := (reading{plain: text}); len(all) < 3 && bytes.IndexByte(inner.plain, '\\') >= 0; all = append(all, inner) {
		outer := inner.at
		inner = read(inner.plain, '\\', fromJSON)
		for i := range inner.at {
			if outer != nil {
				inner.at[i] = outer[inner.at[i]]
			}
		}
	}
	if bytes.IndexByte(text, '%') >= 0 {
		all = append(all, read(text, '%', fromURL))
	}
	if bytes.IndexByte(text, '+') >= 0 {
		query := bytes.ReplaceAll(text, []byte("+"), []byte(" "))
		all = append(all, read(query, '%', fromURL))
	}
	return all
}

// read takes the escapes out of text, which begin with mark. next adds what stands for the one at the beginning of a text, and says how long that is.
func read(text []byte, mark byte, next func(text, into []byte) (plain []byte, length int)) reading {
	r := reading{make([]byte, 0, len(text)), make([]int, 0, len(text)+1)}
	for at := 0; at < len(text); {
		if text[at] != mark {
			r.plain, r.at = append(r.plain, text[at]), append(r.at, at)
			at++
			continue
		}
		plain, length := next(text[at:], r.plain)
		for range len(plain) - len(r.plain) {
			r.at = append(r.at, at)
		}
		r.plain = plain
		at += length
	}
	r.at = append(r.at, len(text))
	return r
}

// find gives where a value is written in the text that was read, from and to.
func (r reading) find(value string) (spans [][2]int) {
	for from := 0; ; {
		at := bytes.Index(r.plain[from:], []byte(value))
		if at < 0 {
			return spans
		}
		from += at + len(value)
		spans = append(spans, [2]int{r.written(from - len(value)), r.written(from)})
	}
}

// written is where a byte of plain is in the text.
func (r reading) written(at int) int {
	if r.at == nil {
		return at
	}
	return r.at[at]
}

// begun gives the end of a text of some length that was cut, where that is the beginning of a value. An escape may have been cut in two there.
func (r reading) begun(value string, length int) (spans [][2]int) {
	for _, plain := range [][]byte{r.plain, finished(r.plain)} {
		if n := overlap(plain, value); n >= least {
			spans = append(spans, [2]int{r.written(len(plain) - n), length})
		}
	}
	return spans
}

// finished is a text without the beginning of an escape at its end, and without the first half of a pair of escapes.
func finished(plain []byte) []byte {
	rest := max(0, len(plain)-len(`\u003`))
	if at := bytes.LastIndexAny(plain[rest:], `\%`); at >= 0 {
		plain = plain[:rest+at]
	}
	return bytes.TrimSuffix(plain, []byte(string(utf8.RuneError)))
}

// overlap is how many bytes at the end of a text begin a value, of which the rest is missing.
func overlap(text []byte, value string) (n int) {
	back := make([]int, len(value)) // from so many bytes to fewer that end in the same way
	for i := 1; i < len(value); i++ {
		for n > 0 && value[i] != value[n] {
			n = back[n-1]
		}
		if value[i] == value[n] {
			n++
		}
		back[i] = n
	}
	n = 0
	for _, c := range text[max(0, len(text)-len(value)+1):] {
		for n > 0 && c != value[n] {
			n = back[n-1]
		}
		if c == value[n] {
			n++
		}
	}
	return n
}

// letters are the escapes of one letter in JSON.
var letters = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func fromJSON(text, into []byte) (plain []byte, length int) {
	if len(text) < 2 {
		return append(into, text[0]), 1
	}
	if c, is := letters[text[1]]; is {
		return append(into, c), 2
	}
	r, is := unit(text)
	if !is {
		return append(into, text[0]), 1
	}
	if low, is := unit(text[6:]); is {
		if whole := utf16.DecodeRune(r, low); whole != utf8.RuneError {
			return utf8.AppendRune(into, whole), 12
		}
	}
	return utf8.AppendRune(into, r), 6
}

// unit is the \u003d that text begins with.
func unit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return rune(n), err == nil
}

func fromURL(text, into []byte) (plain []byte, length int) {
	if len(text) > 2 {
		if plain, err := hex.AppendDecode(into, text[1:3]); err == nil {
			return plain, 3
		}
	}
	return append(into, text[0]), 1
}
