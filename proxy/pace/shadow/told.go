package shadow

import "time"

// told is the budget that the vendor's Remaining gives. Of an answer that says that r are left, the call being number n and k others
// having been out when it was sent, the calls up to number n+r-k may go whatever the vendor's kind of limiter: at most those k
// were counted after it, and time only frees places. They may go up to n+r at most, so that a lower word than expected
// gives others away.
type told struct {
	ok    bool
	upTo  int64         // number of the last call that may go for sure
	most  int64         // number of the last call that can go unless time frees places
	seq   int64         // of the call whose answer said so last
	sent  time.Duration // when that call was sent
	at    time.Duration // when its answer came
	freed int64         // places of the log that had come free by then
}

func (b *told) left(seq int64) int { return int(b.upTo - seq) }

// cap is how many can go at most by the vendor's last word, counting the places of the log that have come free since.
func (b *told) cap(seq, freed int64) int { return int(b.most + freed - b.freed - seq) }

// hear takes in that r were left and returns how many calls of others that gives away.
func (b *told) hear(t time.Duration, sent Sent, r int) (others int) {
	most := sent.seq + int64(r)
	switch {
	case !b.ok:
		b.upTo = most - int64(sent.out)
	case sent.seq < b.seq:
		return 0 // an answer that was overtaken
	case b.upTo > most:
		others = int(b.upTo - most)
		b.upTo = most
	}
	b.upTo = max(b.upTo, most-int64(sent.out))
	b.ok, b.most, b.seq, b.sent, b.at, b.freed = true, most, sent.seq, sent.at, t, sent.freed
	return others
}
