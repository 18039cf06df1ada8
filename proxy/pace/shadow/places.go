package shadow

import "time"

// places is when taken places come free again, ascending, as times since the governor's beginning. A limit of many calls is kept in grains,
// each free when the last of its calls is, so that memory is bounded whatever the limit.
type places struct {
	grains []grain // a ring
	first  int     // index of the earliest grain
	used   int     // grains in use
	taken  int     // places in all grains
}

// grain is calls whose places come free together.
type grain struct {
	from  time.Duration // when the first of its calls would be free
	free  time.Duration
	calls int
}

// grainsPerWindow bounds how finely a window is kept.
const grainsPerWindow = 2048

// add takes calls places until free. Times may come out of order by a little (answers overtake each other): a place is then free with
// the one before it, a little late. A call joins the last grain
// if that still spans less than width.
func (p *places) add(free time.Duration, calls int, width time.Duration) {
	p.taken += calls
	if p.used > 0 {
		last := &p.grains[p.at(p.used-1)]
		if free <= last.free || free-last.from < width {
			last.free = max(last.free, free)
			last.calls += calls
			return
		}
	}
	if p.used == len(p.grains) {
		p.grow()
	}
	p.grains[p.at(p.used)] = grain{free, free, calls}
	p.used++
}

func (p *places) at(i int) int { return (p.first + i) % len(p.grains) }

func (p *places) grow() {
	larger := make([]grain, max(16, 2*len(p.grains)))
	for i := range p.used {
		larger[i] = p.grains[p.at(i)]
	}
	p.grains, p.first = larger, 0
}

// expire frees the places whose time has come and says how many.
func (p *places) expire(now time.Duration) (freed int) {
	for p.used > 0 && p.grains[p.first].free <= now {
		freed += p.grains[p.first].calls
		p.first = p.at(1)
		p.used--
	}
	p.taken -= freed
	return freed
}

// drop frees the n places that would have come free first.
func (p *places) drop(n int) {
	for n > 0 && p.used > 0 {
		g := &p.grains[p.first]
		if g.calls > n {
			g.calls -= n
			p.taken -= n
			return
		}
		n -= g.calls
		p.taken -= g.calls
		p.first = p.at(1)
		p.used--
	}
}

// cut lets no place be taken for longer than until latest: the window has become shorter.
func (p *places) cut(latest time.Duration) {
	for i := range p.used {
		g := &p.grains[p.at(i)]
		g.from, g.free = min(g.from, latest), min(g.free, latest)
	}
}

// clear frees all.
func (p *places) clear() { p.first, p.used, p.taken = 0, 0, 0 }

// until is how many places are still taken at a time.
func (p *places) until(at time.Duration) int {
	n := p.taken
	for i := range p.used {
		g := p.grains[p.at(i)]
		if g.free > at {
			break
		}
		n -= g.calls
	}
	return n
}

// grain is the i-th from the earliest; beyond the last one it never comes free.
func (p *places) grain(i int) grain {
	if i >= p.used {
		return grain{never, never, 1}
	}
	return p.grains[p.at(i)]
}

// frees says when the n-th place from now comes free (n from 1); false when fewer are taken.
func (p *places) frees(n int) (time.Duration, bool) {
	for i := range p.used {
		g := p.grains[p.at(i)]
		if n -= g.calls; n <= 0 {
			return g.free, true
		}
	}
	return 0, false
}
