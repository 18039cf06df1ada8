package strict

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"unique"
)

// MaxSecretBytes is the largest file that a ${file:…} reference may name.
const MaxSecretBytes = 64 << 10

const redacted = "[redacted]"

// Secret is a value that the file names and does not hold: ${env:NAME}, or ${file:PATH} where a relative path starts
// from the folder of the file that names it. Decode resolves it, and a Secret that cannot be resolved is a fault.
//
// Whatever prints a Secret prints "[redacted]"; Reveal is the one way to the value. Two Secrets are == when reference
// and value are the same, so a Secret can be part of a comparable key. The zero Secret is one that the file left out.
type Secret struct {
	reference string
	value     unique.Handle[string] // fmt meets unexported fields without asking their methods: it must find a pointer
}

// NewSecret returns a Secret of a value that no file names, such as one out of a vault or a test. The reference may be
// empty.
func NewSecret(reference, value string) Secret {
	return Secret{reference: reference, value: unique.Make(value)}
}

// Reveal returns the value; empty for the zero Secret.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	return s.value.Value()
}

// Reference returns the text that the file holds, such as ${env:TDX_PASSWORD}; it is fit to be shown.
func (s Secret) Reference() string { return s.reference }

// IsZero reports whether the file left the secret out.
func (s Secret) IsZero() bool { return s == Secret{} }

// Equal reports whether two secrets have the same value, in a time that does not depend on where they differ.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalYAML returns "[redacted]".
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// UnmarshalStrict reads and resolves a reference. Its faults never repeat what stands in the file unless that is a
// reference: it would be the secret itself.
func (s *Secret) UnmarshalStrict(n *Node) Faults {
	const want = "a secret must be a reference such as ${env:NAME} or ${file:/run/secrets/name}; the value itself does not belong in the file"
	if n.kind != Scalar || !reference.MatchString(n.text) {
		return Faults{n.Faultf(want)}
	}
	scheme, name, _ := strings.Cut(n.text[len("${"):len(n.text)-len("}")], ":")
	if name == "" || strings.TrimSpace(name) != name {
		return Faults{n.Faultf(want)}
	}
	resolve := n.doc.environment
	if scheme == "file" {
		resolve = n.doc.secretFile
	}
	value, err := resolve(name)
	if err != nil {
		return Faults{n.Faultf("%v", err)}
	}
	*s = NewSecret(n.text, value)
	return nil
}

func (d *Document) environment(name string) (string, error) {
	value, ok := d.lookupEnv(name)
	switch {
	case !ok:
		return "", fmt.Errorf("environment variable %s is not set: set it before the start", name)
	case value == "":
		return "", fmt.Errorf("environment variable %s is empty: give it the secret", name)
	}
	return value, nil
}

// secretFile returns the content of a file without the newline at its end, which editors and echo put there.
func (d *Document) secretFile(name string) (string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(d.file), path)
	}
	content, err := d.readFile(path)
	if perr, ok := errors.AsType[*fs.PathError](err); ok {
		err = perr.Err // the path is said once
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("secret file %s does not exist: create it with the secret", path)
	case err != nil:
		return "", fmt.Errorf("secret file %s cannot be read: %w", path, err)
	case len(content) > MaxSecretBytes:
		return "", fmt.Errorf("secret file %s is larger than 64KiB: it must hold the secret alone", path)
	case value == "":
		return "", fmt.Errorf("secret file %s is empty: write the secret into it", path)
	}
	return value, nil
}

// readFile returns at most one byte more than a secret may have.
func (d *Document) readFile(path string) ([]byte, error) {
	f, err := d.openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxSecretBytes+1))
}
