package triggers

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"sluice/internal/strict"
)

// Kind says whether somebody waits for an answer. The words are SailPoint's.
type Kind string

// The kinds of triggers.
const (
	FireAndForget   Kind = "FIRE_AND_FORGET"
	RequestResponse Kind = "REQUEST_RESPONSE"
)

// Trigger is a kind of event that one may subscribe to. It never changes.
type Trigger struct {
	ID          string // such as idn:identity-created; what is before the colon says whose it is
	Name        string
	Description string
	Kind        Kind
	File        string // that describes it; built-in/… for those that the binary holds

	Input        *Schema // of an event's payload
	ExampleInput json.RawMessage

	Output        *Schema // of what a subscriber answers; nil for FireAndForget
	ExampleOutput json.RawMessage
}

// CheckInput says in what a payload does not fit the trigger's schema. The error is a Misfits.
func (t *Trigger) CheckInput(payload json.RawMessage) error { return t.Input.Check(payload) }

// CheckOutput says in what a subscriber's answer does not fit the trigger's schema. The error is a Misfits.
func (t *Trigger) CheckOutput(answer json.RawMessage) error {
	if t.Output == nil {
		return Misfits{{Problem: "must not be there: nobody waits for an answer to " + t.ID}}
	}
	return t.Output.Check(answer)
}

// Catalogue is all triggers that there are. It never changes.
type Catalogue struct{ byID map[string]*Trigger }

// Trigger returns a trigger, or nil.
func (c *Catalogue) Trigger(id string) *Trigger { return c.byID[id] }

// All returns the triggers, ordered by id.
func (c *Catalogue) All() []*Trigger {
	all := make([]*Trigger, 0, len(c.byID))
	for _, id := range slices.Sorted(maps.Keys(c.byID)) {
		all = append(all, c.byID[id])
	}
	return all
}

// With returns a catalogue that has more triggers. The last one of an id holds.
func (c *Catalogue) With(more ...*Trigger) *Catalogue {
	larger := &Catalogue{byID: maps.Clone(c.byID)}
	for _, t := range more {
		larger.byID[t.ID] = t
	}
	return larger
}

// ReservedPrefixes are what no id of a custom trigger may begin with: whatever a later version ships begins so.
var ReservedPrefixes = []string{"idn:", "sp:", "sluice:"}

//go:embed catalogue/*.yaml
var files embed.FS

// Shipped returns the catalogue that the binary holds: SailPoint's triggers, and Sluice's own. A fault in a file of it is a mistake of ours
// that every test finds, so it panics.
var Shipped = sync.OnceValue(func() *Catalogue {
	c, err := readAll()
	if err != nil {
		panic(err)
	}
	return c
})

func readAll() (*Catalogue, error) {
	c := &Catalogue{byID: map[string]*Trigger{}}
	entries, err := files.ReadDir("catalogue")
	if err != nil {
		return nil, fmt.Errorf("read the catalogue of triggers: %w", err)
	}
	var faults strict.Faults
	for _, entry := range entries {
		data, err := files.ReadFile(path.Join("catalogue", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the catalogue of triggers: %w", err)
		}
		doc, unreadable := strict.Parse("built-in/triggers/"+entry.Name(), data)
		t, wrong := describe(doc) // that examples fit is for tests to see
		faults = append(append(faults, unreadable...), wrong...)
		if t == nil {
			continue
		}
		if c.byID[t.ID] != nil || entry.Name() != strings.ReplaceAll(t.ID, ":", "-")+".yaml" {
			return nil, errors.New(doc.File() + ": is not the file of " + t.ID)
		}
		c.byID[t.ID] = t
	}
	return c, faults.Err()
}
