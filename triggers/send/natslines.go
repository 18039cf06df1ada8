package send

import (
	"bytes"
	"strconv"
	"strings"
)

// What a NATS server may send to one who only publishes. Its own bound for a line is 4 KiB but for INFO, and an answer of JetStream is small.
const (
	mostLine    = 32 << 10
	mostPayload = 64 << 10
)

// natsLines follows NATS as the library parses it. The library keeps a line of any length, and makes room at once for a message of any announced
// size; an absurd one ends the process.
type natsLines struct {
	line []byte // under way
	skip int    // bytes of a payload that are to come
	tail bool   // the line is what ends a payload
}

func (l *natsLines) follow(p []byte) error {
	for len(p) > 0 {
		if l.skip > 0 {
			n := min(l.skip, len(p))
			l.skip, p = l.skip-n, p[n:]
			continue
		}
		part, rest, whole := bytes.Cut(p, []byte{'\n'})
		if len(l.line)+len(part) > mostLine {
			return errOversize
		}
		l.line, p = append(l.line, part...), rest
		if !whole {
			continue
		}
		if l.tail {
			l.tail = false
		} else if err := l.judge(string(l.line)); err != nil {
			return err
		}
		l.line = l.line[:0]
	}
	return nil
}

func isBlank(r rune) bool { return r == ' ' || r == '\t' }

// judge looks at a whole line. Where the library would read a line otherwise than it is written here, it is refused.
func (l *natsLines) judge(line string) error {
	line = strings.TrimSuffix(line, "\r")
	verb, rest := line, ""
	if at := strings.IndexFunc(line, isBlank); at >= 0 {
		verb, rest = line[:at], strings.TrimFunc(line[at:], isBlank)
	}
	args := 3 // subject, sid and size, and a reply perhaps
	switch verb = strings.ToUpper(verb); {
	case verb == "HMSG":
		args = 4
	case verb == "MSG":
	case verb == "INFO" || verb == "-ERR":
		if rest == "" { // the library would take the next line for its argument
			return errMalformed
		}
		return nil
	case strings.HasPrefix(verb, "PING"), strings.HasPrefix(verb, "PONG"), strings.HasPrefix(verb, "+OK"):
		return nil
	default:
		return errMalformed
	}
	words := strings.FieldsFunc(rest, isBlank)
	if len(words) != args && len(words) != args+1 || strings.Contains(rest, "\r") {
		return errMalformed
	}
	size, err := strconv.ParseUint(words[len(words)-1], 10, 64)
	if err != nil || size > mostPayload {
		return errOversize
	}
	l.skip, l.tail = int(size)+1, true // the library looks for the end of the line after one more byte, whatever it is
	return nil
}
