package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// filter is what a SCIM filter of ours can say (RFC 7644, section 3.4.2.2): comparisons by eq and sw, all of which must hold.
type filter []comparison

// comparison is "attribute op value". The attribute is in lower case and without the URN of its schema.
type comparison struct {
	attribute string
	prefix    bool // sw; else eq
	value     any  // string, bool, json.Number or nil
}

// Bounds of a filter, so that none costs more to read than to answer.
const (
	longestFilter = 4096
	mostTerms     = 20
	deepestFilter = 10
)

// errUnsupported ends what is said of a filter that the standard allows and we do not.
var errUnsupported = errors.New("only eq and sw are known here, joined by and")

// parseFilter reads a filter. Its errors are for the client.
func parseFilter(text string) (filter, error) {
	if len(text) > longestFilter {
		return nil, fmt.Errorf("the filter is longer than %d bytes", longestFilter)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("the filter is not UTF-8")
	}
	p := &filterParser{rest: text}
	if err := p.all(0); err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("the filter goes on where it should end, at byte %d", len(text)-len(p.rest))
	}
	return p.terms, nil
}

// filterParser reads by descent, never twice over the same text.
type filterParser struct {
	rest  string
	terms filter
}

func (p *filterParser) space() { p.rest = strings.TrimLeft(p.rest, " ") }

// word takes what stands before the next blank or bracket.
func (p *filterParser) word() (word string) {
	p.space()
	end := strings.IndexAny(p.rest, " ()[]\"")
	if end < 0 {
		end = len(p.rest)
	}
	word, p.rest = p.rest[:end], p.rest[end:]
	return word
}

// all reads terms with and between them.
func (p *filterParser) all(depth int) error {
	for {
		if err := p.term(depth); err != nil {
			return err
		}
		before := p.rest
		switch word := p.word(); {
		case strings.EqualFold(word, "and"):
		case strings.EqualFold(word, "or"):
			return fmt.Errorf("or: %w", errUnsupported)
		default:
			p.rest = before
			return nil
		}
	}
}

// term reads a comparison, or what stands in brackets.
func (p *filterParser) term(depth int) error {
	p.space()
	if rest, found := strings.CutPrefix(p.rest, "("); found {
		if depth++; depth > deepestFilter {
			return fmt.Errorf("the filter's brackets are deeper than %d", deepestFilter)
		}
		p.rest = rest
		if err := p.all(depth); err != nil {
			return err
		}
		p.space()
		if p.rest, found = strings.CutPrefix(p.rest, ")"); !found {
			return errors.New("a bracket of the filter is not closed")
		}
		return nil
	}
	attribute := p.word()
	switch {
	case strings.EqualFold(attribute, "not"):
		return fmt.Errorf("not: %w", errUnsupported)
	case strings.HasPrefix(p.rest, "["):
		return fmt.Errorf("[ ]: %w; write emails.value", errUnsupported)
	case attribute == "":
		return errors.New("the filter lacks an attribute where one should stand")
	}
	return p.comparison(attribute)
}

func (p *filterParser) comparison(attribute string) error {
	op := strings.ToLower(p.word())
	switch op {
	case "eq", "sw":
	case "":
		return fmt.Errorf("%q is not compared with anything", attribute)
	case "ne", "co", "ew", "pr", "gt", "ge", "lt", "le":
		return fmt.Errorf("%s: %w", op, errUnsupported)
	default:
		return fmt.Errorf("%q is no comparison: %w", op, errUnsupported)
	}
	value, err := p.value()
	if err != nil {
		return err
	}
	if _, text := value.(string); op == "sw" && !text {
		return errors.New("sw compares with a text only")
	}
	if len(p.terms) == mostTerms {
		return fmt.Errorf("the filter has more than %d comparisons", mostTerms)
	}
	p.terms = append(p.terms, comparison{bare(attribute), op == "sw", value})
	return nil
}

// bare is an attribute in lower case without the URN of a schema of the standard.
func bare(attribute string) string {
	lower := strings.ToLower(attribute)
	for _, urn := range []string{urnUser, urnGroup} {
		if rest, found := strings.CutPrefix(lower, strings.ToLower(urn)+":"); found {
			return rest
		}
	}
	return lower
}

// value reads a JSON text, number, true, false or null; clients write the words in capitals too.
func (p *filterParser) value() (value any, err error) {
	p.space()
	text := ""
	if strings.HasPrefix(p.rest, `"`) {
		end := 1
		for ; end < len(p.rest) && p.rest[end] != '"'; end++ {
			if p.rest[end] == '\\' {
				end++
			}
		}
		if end >= len(p.rest) {
			return nil, errors.New("a text of the filter is not closed")
		}
		text, p.rest = p.rest[:end+1], p.rest[end+1:]
	} else {
		text = strings.ToLower(p.word())
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil || d.InputOffset() != int64(len(text)) {
		return nil, errors.New("a value of the filter is no text in double quotes, number, true, false or null")
	}
	switch value.(type) {
	case string, bool, json.Number, nil:
		return value, nil
	}
	return nil, errors.New("a value of the filter is no text in double quotes, number, true, false or null")
}
