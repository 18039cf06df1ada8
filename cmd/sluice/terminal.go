package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// isTerminal tells whether a person looks at w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// coloured tells whether standard output may have colours: on a terminal, unless NO_COLOR is set or the terminal is dumb.
func coloured(env environment) bool {
	return isTerminal(env.stdout) && env.lookup("NO_COLOR") == "" && env.lookup("TERM") != "dumb"
}
