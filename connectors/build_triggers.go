package connectors

import (
	"slices"
	"strings"

	"sluice/internal/strict"
	"sluice/triggers"
)

// customTriggers reads triggers/*.yaml. Their ids cannot be those of shipped triggers, now or later, because the words before the colon
// are kept for those.
func (l *loader) customTriggers(files []*file) (custom []*triggers.Trigger) {
	owners := map[string]*file{}
	for _, f := range files {
		if f.broken {
			continue
		}
		t, faults := triggers.Read(f.doc)
		f.faults = faults
		l.faults = append(l.faults, faults...)
		id := ""
		if node := f.doc.Root().Child("id"); node != nil && node.Kind() == strict.Scalar {
			id = node.Text()
		}
		prefix, _, _ := strings.Cut(id, ":")
		switch {
		case slices.Contains(triggers.ReservedPrefixes, prefix+":"):
			l.fault(f, "id", "begins with %s:, which is kept for what Sluice ships: begin it with a word of your own, as in acme:badge-lost", prefix)
		case owners[id] != nil && id != "":
			l.fault(f, "id", "is %q, which is already the id of %s: give each trigger an id of its own", id, owners[id].name)
		default:
			owners[id] = f
		}
		if t != nil {
			custom = append(custom, t)
		}
	}
	return custom
}
