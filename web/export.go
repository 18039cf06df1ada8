package web

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sluice/aggregation"
)

// Accounts walks a snapshot from its first account. It is called once for each pass over it.
type Accounts func() iter.Seq2[aggregation.Record, error]

// WriteLines writes each account as a line of JSON, as the snapshot has it, and says how many there were.
func WriteLines(out io.Writer, accounts Accounts) (written int64, err error) {
	for r, err := range accounts() {
		if err != nil {
			return written, err
		}
		if _, err := out.Write(append(slices.Clone(r.Account), '\n')); err != nil {
			return written, fmt.Errorf("write the export: %w", err)
		}
		written++
	}
	return written, nil
}

// Sheet is how accounts become CSV.
type Sheet struct {
	// Separator stands between the values of one cell. "" gives each value a row of its own instead: an account is as many rows as it has of
	// what it has most of, one after another and alike in all else, to be merged by id.
	Separator string
}

// column is a column of a sheet: where its cells come from.
type column struct {
	title string
	cells func(a aggregation.Account) []string
}

// Write writes accounts as CSV, quoted as RFC 4180 says, each row ending in a newline, with a row of titles: id, name, active, the attributes and the types of entitlements, each in order.
// An attribute or type that has the title of another column is called attributes.x or entitlements.x. It says how many accounts there were.
//
// Values are written as they are. A spreadsheet may take one that begins with = + - or @ for a formula: the file is for programs. A value that
// holds the separator is refused, because nobody could take the cell apart again.
func (s Sheet) Write(out io.Writer, accounts Accounts) (written int64, err error) {
	columns, err := columnsOf(accounts)
	if err != nil {
		return 0, err
	}
	w := csv.NewWriter(out)
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	_ = w.Write(titles) // it keeps its first error for Flush
	for r, err := range accounts() {
		if err != nil {
			return written, err
		}
		a, err := accountOf(r)
		if err != nil {
			return written, err
		}
		rows, err := s.rows(columns, a)
		if err != nil {
			return written, err
		}
		for _, row := range rows {
			if err := w.Write(row); err != nil {
				return written, fmt.Errorf("write the export: %w", err)
			}
		}
		written++
	}
	if w.Flush(); w.Error() != nil {
		return written, fmt.Errorf("write the export: %w", w.Error())
	}
	return written, nil
}

// columnsOf finds what the accounts have.
func columnsOf(accounts Accounts) ([]column, error) {
	attributes, kinds := map[string]bool{}, map[string]bool{}
	for r, err := range accounts() {
		if err != nil {
			return nil, err
		}
		a, err := accountOf(r)
		if err != nil {
			return nil, err
		}
		for name := range a.Attributes {
			attributes[name] = true
		}
		for kind := range a.Entitlements {
			kinds[kind] = true
		}
	}
	columns := []column{
		{"id", func(a aggregation.Account) []string { return []string{a.ID} }},
		{"name", func(a aggregation.Account) []string { return []string{a.Name} }},
		{"active", func(a aggregation.Account) []string { return []string{strconv.FormatBool(a.Active)} }},
	}
	// Readers of CSV often do not tell columns apart by their case.
	taken := func(title string) bool {
		return slices.ContainsFunc(columns, func(c column) bool { return strings.EqualFold(c.title, title) })
	}
	add := func(room, name string, cells func(aggregation.Account) []string) {
		title := name
		if taken(title) {
			title = room + "." + name
		}
		columns = append(columns, column{title, cells})
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		add("attributes", name, func(a aggregation.Account) []string { return cellsOf(a.Attributes[name]) })
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		add("entitlements", kind, func(a aggregation.Account) []string { return a.Entitlements[kind] })
	}
	return columns, nil
}

// cellsOf is what of an attribute goes into cells; an empty text counts, null does not.
func cellsOf(value any) []string {
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		return []string{v}
	case json.Number:
		return []string{v.String()}
	case bool:
		return []string{strconv.FormatBool(v)}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, cellsOf(one)...)
		}
		return all
	}
	return []string{fmt.Sprint(value)} // no account has any other
}

// rows are those of an account.
func (s Sheet) rows(columns []column, a aggregation.Account) ([][]string, error) {
	if s.Separator != "" {
		row := make([]string, len(columns))
		for i, c := range columns {
			values := c.cells(a)
			if len(values) > 1 && slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, s.Separator) }) {
				return nil, fmt.Errorf("account %s: a value of %s holds %q, which stands between values; choose another separator, or a row for each value", a.ID, c.title, s.Separator)
			}
			row[i] = strings.Join(values, s.Separator)
		}
		return [][]string{row}, nil
	}
	cells, height := make([][]string, len(columns)), 1
	for i, c := range columns {
		cells[i] = c.cells(a)
		height = max(height, len(cells[i]))
	}
	rows := make([][]string, height)
	for y := range rows {
		rows[y] = make([]string, len(columns))
		for x, values := range cells {
			switch {
			case len(values) == 1: // alike in each row
				rows[y][x] = values[0]
			case y < len(values):
				rows[y][x] = values[y]
			}
		}
	}
	return rows, nil
}
