package filter

// A path is a compiled path. It may begin at the document ($) or at the item that a predicate is about (@).
type path struct {
	text     string
	root     bool
	definite bool
	function bool // ends in one
	tokens   []token
	run      step
	nowhere  *missingError
}

// A step takes a value, and hands those on that it leads to.
type step func(e *evaluation, value any) error

// What a token of a path may be.
const (
	propertyToken = iota
	indexToken
	sliceToken
	wildcardToken
	scanToken
	filterToken
	functionToken
)

// A token is a part of a path as it was read.
type token struct {
	kind      int
	start     int
	text      string   // the path up to here
	names     []string // of a property; several in [ , ]
	positions []int
	from, to  *int
	predicate *predicate
	function  string
	arguments []argument
}

// link makes closures of tokens. Each knows the next, so the last comes first.
func link(tokens []token, root bool, text string) *path {
	p := &path{text: text, root: root, definite: true, tokens: tokens, nowhere: &missingError{text}}
	before := make([]bool, len(tokens)) // whether all tokens before this one are definite
	for i, t := range tokens {
		before[i] = p.definite
		p.definite = p.definite && t.definite(i == len(tokens)-1)
		p.function = t.kind == functionToken
	}
	p.run = keep
	for i := len(tokens) - 1; i >= 0; i-- {
		c := context{definite: before[i], last: i == len(tokens)-1, nowhere: &missingError{tokens[i].text}}
		if tokens[i].kind == scanToken {
			p.run = scan(tokens[i+1].fits(i+1 == len(tokens)-1), p.run)
			continue
		}
		p.run = tokens[i].step(c, p.run)
	}
	return p
}

// definite tells whether the token leads to one value at most.
func (t token) definite(last bool) bool {
	switch t.kind {
	case propertyToken:
		return len(t.names) == 1 || last // several that come last are one object
	case indexToken:
		return len(t.positions) == 1
	}
	return t.kind == functionToken
}

// keep is what follows the last token.
func keep(e *evaluation, value any) error {
	e.stack = append(e.stack, value)
	return nil
}

// walk runs the path and returns where its values begin on the stack. The caller takes them off.
func (p *path) walk(e *evaluation, item any) (mark int, err error) {
	mark = len(e.stack)
	from := item
	if p.root {
		from = e.root
	}
	if err := e.step(1); err != nil {
		return mark, err
	}
	err = p.run(e, from)
	if err == nil && p.definite && len(e.stack) == mark {
		err = p.nowhere
	}
	return mark, err
}

// read returns the path's value, or the list of its values.
func (p *path) read(e *evaluation, item any) (any, error) {
	mark, err := p.walk(e, item)
	var value any
	switch found := e.stack[mark:]; {
	case err != nil:
	case p.definite:
		value = found[len(found)-1]
	default:
		value = append(make([]any, 0, len(found)), found...)
	}
	e.stack = e.stack[:mark]
	return value, err
}

// top reads the filter's own path, without making a list of what is only counted: value is true for one that is not empty.
func (p *path) top(e *evaluation) (value any, found bool, err error) {
	mark, err := p.walk(e, e.item)
	switch {
	case err != nil:
		return nil, false, err
	case p.definite:
		return e.stack[len(e.stack)-1], true, nil
	}
	return true, len(e.stack) > mark, nil
}

// exists tells whether the path leads somewhere: null is somewhere, and so is an empty list of a path that is not definite, as long
// as no property is missing in what it went through.
func (p *path) exists(e *evaluation) (bool, error) {
	outer := e.require
	e.require = true
	mark, err := p.walk(e, e.item)
	e.require = outer
	e.stack = e.stack[:mark]
	if err != nil && missing(err) {
		return false, nil
	}
	return err == nil, err
}
