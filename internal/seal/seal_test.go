package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sluice/internal/seal"
)

func ring(t *testing.T, keys ...string) *seal.Ring {
	t.Helper()
	r, err := seal.Parse(strings.Join(keys, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealOpens(t *testing.T) {
	t.Parallel()
	old, fresh := seal.NewKey(), seal.NewKey()
	before, after := ring(t, old), ring(t, fresh, old)
	sealed, err := before.Seal([]byte("planted"), "subscription/a")
	if err != nil || strings.Contains(sealed, "planted") {
		t.Fatalf("got %q, %v", sealed, err)
	}
	again, err := before.Seal([]byte("planted"), "subscription/a")
	if err != nil || again == sealed {
		t.Errorf("two seals of one text are equal: %q, %v", again, err)
	}
	for name, r := range map[string]*seal.Ring{"its own ring": before, "a ring with a newer key": after} {
		if plain, err := r.Open(sealed, "subscription/a"); err != nil || string(plain) != "planted" {
			t.Errorf("%s: got %q, %v", name, plain, err)
		}
	}
	if !before.Newest(sealed) || after.Newest(sealed) {
		t.Errorf("newest: got %v and %v, want true and false", before.Newest(sealed), after.Newest(sealed))
	}
	if _, err := ring(t, fresh).Open(sealed, "subscription/a"); !errors.Is(err, seal.ErrKey) {
		t.Errorf("without its key: got %v, want ErrKey", err)
	}
	for name, text := range map[string]string{
		"nothing": "", "another version": "2" + sealed[1:], "cut": sealed[:len(sealed)-8], "no base64": sealed + "!",
		"another's data": again[:20] + sealed[20:],
	} {
		if plain, err := before.Open(text, "subscription/a"); err == nil {
			t.Errorf("%s: got %q, want an error", name, plain)
		}
	}
	if plain, err := before.Open(sealed, "subscription/b"); err == nil {
		t.Errorf("in another row: got %q, want an error", plain)
	}
}

// TestRollingTakesTwoSteps: while a new key goes first behind and then before the old one, processes that were restarted and those that were not
// open what each other seals, and derive the same keys. Without the first step they do not.
func TestRollingTakesTwoSteps(t *testing.T) {
	t.Parallel()
	old, fresh := seal.NewKey(), seal.NewKey()
	alone, behind, before := ring(t, old), ring(t, old, fresh), ring(t, fresh, old)
	for name, c := range map[string]struct {
		by, at *seal.Ring
		want   error
	}{
		"step 1, old to new": {alone, behind, nil}, "step 1, new to old": {behind, alone, nil},
		"step 2, old to new": {behind, before, nil}, "step 2, new to old": {before, behind, nil},
		"at once, old to new": {alone, before, nil}, "at once, new to old": {before, alone, seal.ErrKey},
	} {
		sealed, err := c.by.Seal([]byte("planted"), "x")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.at.Open(sealed, "x"); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		made, err := c.by.Derive("tokens", 32)
		known, err2 := c.at.Derive("tokens", 32)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		has := slices.ContainsFunc(known, func(d seal.Derived) bool { return d.ID == made[0].ID && bytes.Equal(d.Secret, made[0].Secret) })
		if has != (c.want == nil) {
			t.Errorf("%s: the derived key that is used is there: %v", name, has)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	key := seal.NewKey()
	for text, want := range map[string]string{
		"\n":              "there is no key",
		key + "\nplanted": "key 2 is not 32 bytes in base64",
		key + " " + key:   "key 2 stands there twice",
	} {
		if _, err := seal.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("got %v, want %q and nothing of the text", err, want)
		}
	}
}

func TestDerivedKeysAreTheirPurposes(t *testing.T) {
	t.Parallel()
	keys := []string{seal.NewKey(), seal.NewKey()}
	r := ring(t, keys...)
	one, err := r.Derive("one", 32)
	two, err2 := r.Derive("two", 32)
	same, err3 := ring(t, keys...).Derive("one", 32)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	if len(one) != 2 || one[0].ID == one[1].ID || bytes.Equal(one[0].Secret, one[1].Secret) || bytes.Equal(one[0].Secret, two[0].Secret) {
		t.Errorf("got %v and %v, want four different keys", one, two)
	}
	if !bytes.Equal(one[0].Secret, same[0].Secret) {
		t.Error("two processes with one key derive different ones")
	}
	if text := fmt.Sprintf("%v %+v %#v", r, r, r); strings.ReplaceAll(text, "[redacted]", "") != "  " {
		t.Errorf("a ring prints as %q", text)
	}
}

func FuzzOpen(f *testing.F) {
	r, err := seal.Parse(seal.NewKey())
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := r.Seal([]byte("planted"), "x")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add("1..")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := r.Open(text, "x"); err == nil && string(plain) != "planted" {
			t.Errorf("%q opens as %q", text, plain)
		}
	})
}
