package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"sluice/connectors"
	"sluice/internal/seal"
	"sluice/store"
	"sluice/triggers/filter"
)

// sealFile holds the keys that seal secrets, in a data folder, when the configuration names none.
const sealFile = "seal.key"

// errNoSeal is why a secret is not kept on PostgreSQL, whose nodes must all have the same keys.
var errNoSeal = fmt.Errorf("%w: name one in triggers.seal, the same for all nodes; sluice keys create-seal makes one", store.ErrUnsealed)

// forTriggers lets a database keep the secrets of subscriptions, and read their filters.
func forTriggers(set *connectors.Set, options store.Options) store.Options {
	sealer := newSealer(set, options.Dir)
	options.Sealer, options.Keys = sealer, sync.OnceValue(sealer.invocationKeys)
	options.Compile = func(text string) (store.Predicate, error) {
		compiled, err := filter.Compile(text)
		if err != nil {
			return nil, err
		}
		return func(payload any) (passes bool, why func() string, err error) {
			passes, err = compiled.Match(payload)
			switch {
			case errors.Is(err, filter.ErrSteps): // which is our bound; what a function cannot take is no match, as Jayway has it
				return false, nil, err
			case err != nil || !passes:
				return false, func() string { return compiled.Explain(payload) }, nil //nolint:nilerr // the explanation has it
			}
			return true, nil, nil
		}, nil
	}
	return options
}

// sealer is a ring that is read, or made, when it is first needed: most commands never seal anything.
type sealer struct{ ring func() (*seal.Ring, error) }

func newSealer(set *connectors.Set, folder string) *sealer {
	return &sealer{ring: sync.OnceValues(func() (*seal.Ring, error) {
		switch {
		case !set.Events.Seal.IsZero():
			ring, err := seal.Parse(set.Events.Seal.Reveal())
			if err != nil {
				return nil, fmt.Errorf("triggers.seal: %w", err)
			}
			return ring, nil
		case folder == "":
			return nil, errNoSeal
		}
		return folderRing(folder)
	})}
}

// Seal implements store.Sealer.
func (s *sealer) Seal(plain []byte, of string) (string, error) {
	ring, err := s.ring()
	if err != nil {
		return "", err
	}
	return ring.Seal(plain, of)
}

// Open implements store.Sealer.
func (s *sealer) Open(sealed, of string) ([]byte, error) {
	ring, err := s.ring()
	if err != nil {
		return nil, err
	}
	return ring.Open(sealed, of)
}

// forInvocations is what keys of invocations' secrets are derived for.
const forInvocations = "invocations"

// invocationKeys make the secrets of invocations; none where there is no ring, which is told where one is needed.
func (s *sealer) invocationKeys() (keys [][]byte) {
	ring, err := s.ring()
	if err != nil {
		return nil
	}
	derived, err := ring.Derive(forInvocations, sha256.Size)
	if err != nil {
		return nil
	}
	for _, d := range derived {
		keys = append(keys, d.Secret)
	}
	return keys
}

// folderRing reads the keys of a data folder, and makes the first one.
func folderRing(folder string) (*seal.Ring, error) {
	name := filepath.Join(folder, sealFile)
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err = writeOnce(name, seal.NewKey()+"\n"); err == nil {
			text, err = os.ReadFile(name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the keys that seal secrets: %w", err)
	}
	ring, err := seal.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ring, nil
}

// writeOnce makes a file that is whole as soon as it is there. One that is there already stays: another process was first.
func writeOnce(name, text string) error {
	draft, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(text)
	if err == nil {
		err = draft.Sync()
	}
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
