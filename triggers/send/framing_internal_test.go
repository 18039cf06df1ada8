package send

import (
	"errors"
	"strings"
	"testing"
)

// framings are those of brokers' protocols, each with what a good server sends.
var framings = map[string]struct {
	follow func() func([]byte) error
	good   string
}{
	"nats": {
		func() func([]byte) error { return (&natsLines{}).follow },
		"INFO {\"a\": 1}\r\n+OK\r\nPONG\r\nPING\r\nping\n-ERR 'Slow Consumer'\r\nMSG _INBOX.a 1 12\r\nMSG x 1 99\r\n\r\nMSG\ta  1  r.b\t0\r\n\r\n" +
			"HMSG _INBOX.b 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\nINFO {}\r\n",
	},
	"amqp": {
		func() func([]byte) error { return (&amqpFrames{}).follow },
		"AMQP\x03\x01\x00\x00" +
			"\x00\x00\x00\x1c\x02\x01\x00\x00\x00\x53\x40\xc0\x0f\x01\xe0\x0c\x01\xa3\x09ANONYMOUS" +
			"\x00\x00\x00\x10\x02\x01\x00\x00\x00\x53\x44\xc0\x03\x01\x50\x00" +
			"AMQP\x00\x01\x00\x00\x00\x00\x00\x08\x02\x00\x00\x00" +
			"\x00\x00\x00\x1d\x02\x00\x00\x00\x00\x53\x10\xc0\x10\x03\xa1\x01x\x40\xc1\x09\x04\xa3\x01a\x41\xa3\x01b\x45" +
			"\x00\x00\x00\x18\x02\x00\x00\x00\x00\x53\x15\xc0\x0b\x05\x41\x43\x52\x09\x41\x00\x53\x24\x45",
	},
}

func TestFramingsLetGoodServersBe(t *testing.T) {
	t.Parallel()
	for name, f := range framings {
		for size := 1; size <= len(f.good); size++ {
			if err := inPieces(f.follow(), f.good, size); err != nil {
				t.Fatalf("%s in pieces of %d: got %v, want it let be", name, size, err)
			}
		}
	}
}

func inPieces(follow func([]byte) error, text string, size int) error {
	for len(text) > 0 {
		n := min(size, len(text))
		if err := follow([]byte(text[:n])); err != nil {
			return err
		}
		text = text[n:]
	}
	return nil
}

func TestLinesOfNATS(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]error{
		"MSG a 1 65536": nil, "MSG a 1 65537": errOversize, "MSG a 1 -1": errOversize, "MSG a 1 1_0": errOversize, "MSG a 1": errMalformed,
		"MSG a 1 r 2 3": errMalformed, "HMSG a 1 12": errMalformed, "HMSG a 1 12 99999": errOversize, "hmsg a 1 r 12 12": nil, "MSG a 1\r0 10": errMalformed,
		"-ERR ": errMalformed, "INFO": errMalformed, "INFO \r": errMalformed, "": errMalformed, "+OK": nil, "SUB a 1": errMalformed,
		"INFO " + strings.Repeat("x", mostLine-5): nil, "INFO " + strings.Repeat("x", mostLine-4): errOversize,
	} {
		if err := (&natsLines{}).follow([]byte(line + "\n")); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%.30q of %d bytes: got %v, want %v", line, len(line), err, want)
		}
	}
}

// Whatever comes, nothing panics, and the verdict does not hang on how it is cut.
func alike(f *testing.F, name string) {
	f.Helper()
	framing := framings[name]
	f.Add(framing.good, 3)
	f.Fuzz(func(t *testing.T, text string, size int) {
		whole := framing.follow()([]byte(text))
		if got := inPieces(framing.follow(), text, max(size, 1)); !errors.Is(got, whole) {
			t.Errorf("%q in pieces of %d: got %v, and %v as a whole", text, size, got, whole)
		}
	})
}

func FuzzNATSLines(f *testing.F) { alike(f, "nats") }

func FuzzAMQPFrames(f *testing.F) { alike(f, "amqp") }
