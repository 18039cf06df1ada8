package pace

// rounds counts the callers of a lane by the round of fair turns in which they go: a consumer with c callers waiting has one in each of
// the rounds 1 … c. It is a Fenwick tree, so that how many go in the first k rounds, which is the sum over consumers of min(c, k), is
// known in O(log n) however many consumers there are.
type rounds struct {
	count []int // by round - 1
	tree  []int
}

// add counts by more callers in a round, from 1.
func (r *rounds) add(round, by int) {
	if round > len(r.count) {
		r.grow(max(2*len(r.count), round, 16))
	}
	r.count[round-1] += by
	r.lift(round, by)
}

func (r *rounds) lift(round, by int) {
	for ; round <= len(r.tree); round += round & -round {
		r.tree[round-1] += by
	}
}

func (r *rounds) grow(to int) {
	r.count = append(r.count, make([]int, to-len(r.count))...)
	r.tree = make([]int, to)
	for i, n := range r.count {
		if n != 0 {
			r.lift(i+1, n)
		}
	}
}

// upTo is how many callers go in the rounds 1 … round.
func (r *rounds) upTo(round int) (sum int) {
	for round = min(round, len(r.tree)); round > 0; round -= round & -round {
		sum += r.tree[round-1]
	}
	return sum
}
