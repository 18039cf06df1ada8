package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxSearched bounds, in bytes, what is parsed again to find the line of a syntax error.
const maxSearched = 8 << 20

// complaints turn what go.yaml.in/yaml says into what is wrong and what would be right. They are matched by substring,
// the first hit counts, and none repeats the text of the file: it might be a secret whose quotes were forgotten.
var complaints = []struct{ theirs, ours string }{
	{"mapping values are not allowed", "a second key on the line of a value: check the indentation, or quote the value if the colon belongs to it"},
	{"cannot start any token", "a value begins with a tab, @, % or a backquote: indent with spaces, and quote such a value"},
	{"tab character", "a tab in the indentation: use spaces"},
	{"unknown anchor", "an alias (*) to an anchor that does not exist: quote the value if the * belongs to it"},
	{"expected ',' or ']'", "a list in [ ] is not closed, or a comma is missing"},
	{"expected ',' or '}'", "a mapping in { } is not closed, or a comma is missing"},
	{"unexpected end of stream", "a quote is not closed"},
	{"could not find expected ':'", "a key without a colon: write key: value"},
	{"expected '-' indicator", "a key among the items of a list: check the indentation"},
	{"did not find expected key", "no key where one must be: check the indentation and the quotes"},
	{"did not find expected node content", "no value where one must be: check the brackets, and quote a value that begins with one"},
	{"unknown escape character", `an escape that YAML does not know: write \\ for a backslash, or use single quotes`},
	{"undefined tag handle", "a value begins with !: quote it if the ! belongs to it"},
}

// syntax places and translates an error of the YAML parser.
func (d *Document) syntax(data []byte, err error) *Fault {
	message := "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")
	for _, c := range complaints {
		if strings.Contains(err.Error(), c.theirs) {
			message = c.ours
			break
		}
	}
	line, column := locate(data)
	return &Fault{File: d.file, Line: line, Column: column, Message: message}
}

// locate returns where a document that does not parse goes wrong: the first character of the line after a prefix of
// whole lines that does parse. The parser's own line numbers are often those of the construct around, one too low, or
// absent. For an unclosed quote or bracket this is where it was opened.
func locate(data []byte) (line, column int) {
	reader := &counter{data: data}
	_ = parses(reader)
	seen := data[:reader.read] // the parser saw nothing behind it, so the fault is no later
	starts := []int{0}
	for i, c := range seen {
		if c == '\n' && i+1 < len(seen) {
			starts = append(starts, i+1)
		}
	}
	budget := maxSearched
	sound := func(lines int) bool {
		budget -= starts[lines]
		return budget >= 0 && parses(bytes.NewReader(data[:starts[lines]])) == nil
	}
	line = lastSound(len(starts)-1, sound)
	if budget < 0 {
		line = len(starts) - 1
	}
	text := data[starts[line]:]
	return line + 1, len(text) - len(bytes.TrimLeft(text, " ")) + 1
}

// lastSound returns a number of lines up to last that are sound while one line more is not; none at all always are.
// Near last it looks at each line, since half of a text over several lines is not sound either; further away it halves.
func lastSound(last int, sound func(lines int) bool) int {
	const near = 32
	high := last + 1
	for high > 0 && high > last-near {
		high--
		if high == 0 || sound(high) {
			return high
		}
	}
	low := 0
	for step := near; high-step > 0; step *= 2 {
		if sound(high - step) {
			low = high - step
			break
		}
		high -= step
	}
	for high-low > 1 {
		if middle := (low + high) / 2; sound(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// parses returns the first syntax error of all the documents in r.
func parses(r io.Reader) error {
	decoder := yaml.NewDecoder(r)
	for {
		if err := decoder.Decode(new(yaml.Node)); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// counter gives out data one byte at a time, so that read tells how far the parser has looked.
type counter struct {
	data []byte
	read int
}

func (c *counter) Read(p []byte) (int, error) {
	if c.read == len(c.data) {
		return 0, io.EOF
	}
	n := copy(p[:1], c.data[c.read:])
	c.read += n
	return n, nil
}

// unreadable returns the first character that no YAML file may hold. The parser would refuse it too, without a place.
func (d *Document) unreadable(data []byte) *Fault {
	line, column := 1, 1
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return &Fault{File: d.file, Line: line, Column: column, Message: "is not UTF-8: save the file as UTF-8"}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f, r >= 0x80 && r < 0xa0 && r != 0x85,
			r == 0xfeff && i > 0, r == 0xfffe, r == 0xffff:
			return &Fault{File: d.file, Line: line, Column: column,
				Message: fmt.Sprintf(`is a control character, U+%04X: write it as an escape in double quotes`, r)}
		}
		i += size
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return nil
}
