package shadow

import "time"

// Saved is what a governor has learned, for a restart: a new process must not burst into a window that the old one has spent. Times count
// from when it was saved.
type Saved struct {
	Limit     int           `json:"limit,omitempty"`
	Window    time.Duration `json:"window,omitempty"`
	Own       []SavedPlaces `json:"own,omitempty"`
	Strangers []SavedPlaces `json:"strangers,omitempty"`
	Shut      time.Duration `json:"shut,omitempty"`  // refused until then
	Reset     time.Duration `json:"reset,omitempty"` // the vendor's reset is over by then
	Fixed     int           `json:"fixed,omitempty"`
	Sliding   int           `json:"sliding,omitempty"`
	Burst     float64       `json:"burst,omitempty"` // of a bucket that was found out
	Level     float64       `json:"level,omitempty"`
	Calls     float64       `json:"others,omitempty"` // of others
	Free      time.Duration `json:"free,omitempty"`   // in so much time
	Shortest  time.Duration `json:"shortest_trip,omitempty"`
	Usual     time.Duration `json:"usual_trip,omitempty"`
}

// SavedPlaces is calls whose places come free together.
type SavedPlaces struct {
	In    time.Duration `json:"in"`
	Calls int           `json:"calls"`
}

// Save returns what is known now. A call that is out counts as if it were answered now.
func (g *Governor) Save(now time.Time) Saved {
	t := g.at(now)
	g.expire(t)
	s := Saved{
		Limit: g.limit, Window: g.window, Own: g.own.save(t), Strangers: g.strangers.save(t),
		Shut: max(0, g.refusal.shutT-t), Fixed: g.signs.fixed, Sliding: g.signs.sliding,
		Calls: g.others.calls, Free: time.Duration(g.others.free), Shortest: g.trips.shortest, Usual: g.trips.usual,
	}
	if g.reset.known && g.reset.up > t {
		s.Reset = g.reset.up - t
	}
	if g.refill.on {
		s.Burst, s.Level = g.refill.burst, g.refill.level
	}
	if g.told.ok && g.window > 0 && t-g.told.at < g.window { // what the vendor says is spent and no call of the log explains
		lasts := g.window
		if s.Reset > 0 {
			lasts = min(lasts, s.Reset)
		}
		if spent := g.limit - g.told.cap(g.seq, g.freed) - g.own.taken - g.strangers.taken - g.out; spent > 0 {
			s.Strangers = append(s.Strangers, SavedPlaces{lasts, min(spent, g.limit)})
		}
	}
	if g.out > 0 && g.window > 0 {
		s.Own = append(s.Own, SavedPlaces{g.window, g.out})
	}
	return s
}

func (p *places) save(t time.Duration) (saved []SavedPlaces) {
	for i := range p.used {
		grain := p.grains[p.at(i)]
		saved = append(saved, SavedPlaces{grain.free - t, grain.calls})
	}
	return saved
}

// Restore returns the governor of a rule that knows what was saved, ago before now. What the rule says goes before what was learned.
func Restore(rule Rule, now time.Time, s Saved, ago time.Duration) *Governor {
	g := New(rule)
	t := g.at(now)
	ago = max(0, ago)
	odd := s.Limit < 0 || s.Limit > mostCalls || s.Window != 0 && s.Window < shortestWindow || s.Window > longestWindow
	if g.rule.Concurrent > 0 || odd {
		return g
	}
	if g.limit == 0 {
		g.limit = s.Limit
	}
	if g.window == 0 {
		g.window = s.Window
	}
	longest := max(g.window, time.Second)
	g.own.restore(t-ago, s.Own, t, longest)
	g.strangers.restore(t-ago, s.Strangers, t, longest)
	if shut := min(s.Shut, longestShut) - ago; shut > 0 {
		g.refusal.shutT = t + shut
	}
	if rule.Kind == FirstCall && g.own.taken > 0 { // when it began was not saved: it is over once all its calls could be
		first, _ := g.own.frees(1)
		last, _ := g.own.frees(g.own.taken)
		g.frame = frame{open: true, start: t, low: first, end: last, count: g.own.taken}
	}
	g.signs.fixed, g.signs.sliding = s.Fixed, s.Sliding
	if s.Burst > 0 && rule.Kind == Unknown && g.window > 0 {
		g.refill.found(t, s.Burst, min(s.Burst, s.Level+g.pace()*float64(ago)))
	}
	if s.Burst > 0 && rule.Kind == Refill {
		g.refill.level = min(g.refill.burst, s.Level+g.pace()*float64(ago))
		g.refill.at = t
	}
	if s.Calls > 0 && s.Free >= 0 {
		g.others = others{calls: min(s.Calls, mostCalls), free: float64(s.Free), at: t - ago}
		g.others.fade(t, g.pulseTime())
	}
	if s.Shortest > 0 && s.Usual > 0 {
		g.trips = trips{n: 1, shortest: s.Shortest, usual: s.Usual}
	}
	if left := s.Reset - ago; left > 0 && g.window == 0 && g.limit > 0 {
		// Nothing but the vendor's word is known of this limit: what was left then is spent, as far as we can know.
		g.told = told{ok: true, at: t}
		g.reset = reset{known: true, low: t, up: t + min(left, longestShut)}
		g.heard = true
	}
	g.space(now)
	return g
}

func (p *places) restore(base time.Duration, saved []SavedPlaces, t, longest time.Duration) {
	for _, s := range saved {
		if free := base + min(s.In, longest); free > t && s.Calls > 0 {
			p.add(free, s.Calls, 0)
		}
	}
}
