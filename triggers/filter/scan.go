package filter

// filtered leads to the elements of a list that the predicate lets pass. An object is tested itself, not its members.
func filtered(p *predicate, c context, next step) step {
	return func(e *evaluation, value any) error {
		switch value := value.(type) {
		case map[string]any:
			return passed(e, p, value, next)
		case []any:
			for _, item := range value {
				if err := passed(e, p, item, next); err != nil {
					return err
				}
			}
			return nil
		}
		if c.definite {
			return p.primitive
		}
		return nil
	}
}

func passed(e *evaluation, p *predicate, item any, next step) error {
	ok, err := e.accept(p, item)
	if err != nil || !ok {
		return err
	}
	return next(e, item)
}

// scan leads to the value and everything in it, wherever the token that follows fits.
func scan(fits func(*evaluation, any) (bool, error), target step) step {
	var descend step
	descend = func(e *evaluation, value any) error {
		if err := e.step(1); err != nil {
			return err
		}
		switch value.(type) {
		case map[string]any, []any:
		default:
			return nil
		}
		ok, err := fits(e, value)
		if err == nil && ok {
			err = target(e, value)
		}
		if err != nil {
			return err
		}
		return children(e, value, descend)
	}
	return descend
}

// fits tells where a token can stand behind a "..".
func (t token) fits(last bool) func(e *evaluation, value any) (bool, error) {
	switch t.kind {
	case propertyToken:
		steps := lookup(t.names)
		return func(e *evaluation, value any) (bool, error) {
			object, is := value.(map[string]any)
			if !is || !t.definite(last) {
				return is, nil
			}
			if err := e.step(steps); err != nil {
				return false, err
			}
			for _, name := range t.names {
				if _, has := object[name]; !has {
					return false, nil
				}
			}
			return true, nil
		}
	case indexToken, sliceToken:
		return func(_ *evaluation, value any) (bool, error) {
			_, is := value.([]any)
			return is, nil
		}
	case filterToken:
		// The elements of a list are visited themselves; a list is looked into only where the predicate is true of the list.
		return func(e *evaluation, value any) (bool, error) {
			if _, is := value.(map[string]any); is {
				return true, nil
			}
			return e.accept(t.predicate, value)
		}
	}
	return func(*evaluation, any) (bool, error) { return true, nil }
}
