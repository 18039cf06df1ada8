package transforms

import (
	"strings"

	"github.com/itchyny/gojq"
)

// Keys are the names of an object that the program certainly gives, as far as they are written in it: those of {mail, "title": .t}, and of the
// last step of a pipe or of both sides of a sum. What is found out while it runs is not among them.
func (q *Query) Keys() []string {
	parsed, err := gojq.Parse(q.filter.source)
	if err != nil {
		return nil
	}
	return writtenKeys(parsed)
}

func writtenKeys(q *gojq.Query) (keys []string) {
	switch {
	case q.Term == nil && q.Op == gojq.OpPipe:
		return writtenKeys(q.Right)
	case q.Term == nil && (q.Op == gojq.OpAdd || q.Op == gojq.OpMul):
		return append(writtenKeys(q.Left), writtenKeys(q.Right)...)
	case q.Term == nil || len(q.Term.SuffixList) > 0:
		return nil
	case q.Term.Type == gojq.TermTypeQuery:
		return writtenKeys(q.Term.Query)
	case q.Term.Type != gojq.TermTypeObject:
		return nil
	}
	for _, entry := range q.Term.Object.KeyVals {
		switch {
		case entry.Key != "":
			keys = append(keys, strings.TrimPrefix(entry.Key, "$"))
		case entry.KeyString != nil && len(entry.KeyString.Queries) == 0:
			keys = append(keys, entry.KeyString.Str)
		}
	}
	return keys
}
