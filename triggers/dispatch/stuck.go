package dispatch

import (
	"cmp"
	"slices"

	"sluice/triggers"
)

// stuck are the invocations that have failed and are to be sent again, by subject and in order: mostly one of a subject, and more where older ones
// were replayed. Each keeps what is behind it.
type stuck map[string][]triggers.Stuck

func (s stuck) find(subject string, seq int64) (at int, found bool) {
	return slices.BinarySearchFunc(s[subject], seq, func(one triggers.Stuck, seq int64) int { return cmp.Compare(one.Seq, seq) })
}

// put notes that one has failed.
func (s stuck) put(subject string, one triggers.Stuck) {
	at, found := s.find(subject, one.Seq)
	if found {
		s[subject][at] = one
		return
	}
	s[subject] = slices.Insert(s[subject], at, one)
}

// remove notes that one is over, and tells whether it was there.
func (s stuck) remove(subject string, seq int64) bool {
	at, found := s.find(subject, seq)
	if !found {
		return false
	}
	if s[subject] = slices.Delete(s[subject], at, at+1); len(s[subject]) == 0 {
		delete(s, subject)
	}
	return true
}

// any tells whether one before a number is of a sort.
func (s stuck) any(subject string, before int64, is func(seq int64) bool) bool {
	at, _ := s.find(subject, before)
	return slices.ContainsFunc(s[subject][:at], func(one triggers.Stuck) bool { return is(one.Seq) })
}

// last is the one before a number that is due last.
func (s stuck) last(subject string, before int64) (one triggers.Stuck, found bool) {
	at, _ := s.find(subject, before)
	if at == 0 {
		return one, false
	}
	return slices.MaxFunc(s[subject][:at], func(a, b triggers.Stuck) int { return a.Due.Compare(b.Due) }), true
}
