package shadow

// units turns what a vendor counts into calls: where a call costs more or less than one unit, by what calls have cost lately (Canvas,
// Freshservice). A vendor that names what is left and no limit has the limit that it last was seen to have.
type units struct {
	cost float64 // of a call, a moving average; 0 = one
	most float64 // the most that was left
}

func (u *units) calls(r Report, configured bool) Report {
	if r.Cost > 0 {
		if u.cost == 0 {
			u.cost = r.Cost
		}
		u.cost += (r.Cost - u.cost) / 16
		u.cost = max(u.cost, r.Cost/4)
	}
	if r.HasRemaining && !r.HasLimit && !configured {
		u.most = max(u.most, r.Remaining+max(r.Cost, 1))
		r.HasLimit, r.Limit = true, u.most
	}
	if u.cost > 0 {
		r.Limit /= u.cost
		r.Remaining /= u.cost
	}
	r.Limit, r.Remaining = max(r.Limit, 0), max(r.Remaining, 0)
	return r
}
