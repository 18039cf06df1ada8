package main

import (
	"strconv"
	"strings"
	"unicode"
)

// What a vendor calls its accounts goes to an operator's terminal, where an escape character colours, moves and hides text, and a line break
// makes a line of its own. JSON is for machines and stays as it is.

// shownID is an id as it is printed: quoted where something in it cannot be seen, or where it would look like a quoted one.
func shownID(id string) string {
	if strings.HasPrefix(id, `"`) || strings.ContainsFunc(id, unseen) {
		return strconv.QuoteToGraphic(id)
	}
	return id
}

// shownText is other text of the vendor's in which what cannot be seen is escaped.
func shownText(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if unseen(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }
