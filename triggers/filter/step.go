package filter

// context is what a step knows of its place in the path.
type context struct {
	definite bool // all before it are
	last     bool
	nowhere  *missingError
}

// step compiles a token in front of next.
func (t token) step(c context, next step) step {
	switch t.kind {
	case propertyToken:
		if len(t.names) == 1 {
			return property(t.names[0], c, next)
		}
		return properties(t.names, c, next)
	case indexToken:
		return index(t.positions, c, next)
	case sliceToken:
		return slice(t.from, t.to, c, next)
	case wildcardToken:
		return wildcard(next)
	case filterToken:
		return filtered(t.predicate, c, next)
	}
	return calculated(t, next)
}

func property(name string, c context, next step) step {
	steps := 1 + len(name)/chunk
	return func(e *evaluation, value any) error {
		if err := e.step(steps); err != nil {
			return err
		}
		object, is := value.(map[string]any)
		if !is {
			return c.absent(c.definite)
		}
		child, has := object[name]
		if !has {
			return c.absent(e.require || c.definite && !c.last)
		}
		return next(e, child)
	}
}

// absent is an error where a missing value is one, instead of nothing. The last property of a definite path may be nothing here,
// because whoever reads the path finds out.
func (c context) absent(wrong bool) error {
	if wrong {
		return c.nowhere
	}
	return nil
}

// lookup is what the length of names adds to the steps of looking them up.
func lookup(names []string) (steps int) {
	for _, name := range names {
		steps += len(name) / chunk
	}
	return steps
}

// properties leads to one object with those that are there when it comes last, else to each.
func properties(names []string, c context, next step) step {
	steps := 1 + len(names) + lookup(names)
	return func(e *evaluation, value any) error {
		if err := e.step(steps); err != nil {
			return err
		}
		object, is := value.(map[string]any)
		if !is {
			return c.absent(c.definite)
		}
		merged := map[string]any{}
		for _, name := range names {
			child, has := object[name]
			switch {
			case !has && e.require:
				return c.nowhere
			case has && c.last:
				merged[name] = child
			case has:
				if err := next(e, child); err != nil {
					return err
				}
			}
		}
		if c.last {
			return next(e, merged)
		}
		return nil
	}
}

// index leads to the elements at positions; a negative one counts from the end.
func index(positions []int, c context, next step) step {
	return func(e *evaluation, value any) error {
		if err := e.step(len(positions)); err != nil {
			return err
		}
		list, is := value.([]any)
		if !is {
			return c.absent(c.definite)
		}
		for _, at := range positions {
			if err := element(e, list, at, next); err != nil {
				return err
			}
		}
		return nil
	}
}

func element(e *evaluation, list []any, at int, next step) error {
	if at < 0 {
		at += len(list)
	}
	if at < 0 || at >= len(list) {
		return nil
	}
	return next(e, list[at])
}

// slice leads to the elements of [from:to]. Negative bounds are Jayway's: with both bounds given, each position is counted from the end
// by itself, so that [-2:-1] is the last but one and [1:-1] is nothing.
func slice(from, to *int, c context, next step) step {
	return func(e *evaluation, value any) error {
		list, is := value.([]any)
		if !is {
			return c.absent(c.definite)
		}
		start, end := 0, len(list)
		switch {
		case to == nil:
			if start = *from; start < 0 {
				start = max(0, start+len(list))
			}
		case from == nil:
			if end = *to; end < 0 {
				end += len(list)
			}
		default:
			start, end = max(*from, -len(list)), *to
		}
		for at := start; at < min(end, len(list)); at++ {
			if err := e.step(1); err != nil {
				return err
			}
			if err := element(e, list, at, next); err != nil {
				return err
			}
		}
		return nil
	}
}

func wildcard(next step) step {
	return func(e *evaluation, value any) error {
		return children(e, value, next)
	}
}

// children leads to all elements of a list or all values of an object, these by their names' order, so that an event has one result.
func children(e *evaluation, value any, next step) error {
	switch value := value.(type) {
	case []any:
		for _, child := range value {
			if err := e.step(1); err != nil {
				return err
			}
			if err := next(e, child); err != nil {
				return err
			}
		}
	case map[string]any:
		names, err := e.names(value)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := next(e, value[name]); err != nil {
				return err
			}
		}
	}
	return nil
}
