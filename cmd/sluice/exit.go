package main

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// The exit codes, as docs/cli.md tells them.
const (
	exitOK      = 0 // done, and what was asked about is well
	exitUnwell  = 1 // what was asked about is not well: a check failed, the process is unhealthy, the vendor refused, a stop cut requests
	exitUsage   = 2 // the command line or the configuration cannot be understood
	exitBlocked = 3 // this machine does not permit it: an address is taken, a file cannot be read
)

// exitError is an error that knows its exit code. Its err is nil when all has been said on standard output.
type exitError struct {
	code int
	err  error
}

// Error implements error.
func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

// Unwrap returns what went wrong.
func (e *exitError) Unwrap() error { return e.err }

// usagef says what is wrong with a command line.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

// exitWith gives err an exit code, unless it has one. A nil err stays nil.
func exitWith(code int, err error) error {
	if _, has := errors.AsType[*exitError](err); err == nil || has {
		return err
	}
	return &exitError{code, err}
}

// unwell ends a command with exitUnwell when its output has said why already.
func unwell() error { return &exitError{code: exitUnwell} }

// exitCode says on stderr why a command ended, and returns its exit code. An error without a code is exitUnwell: so is one that was
// interrupted before it could tell.
func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	code := exitUnwell
	if e, ok := errors.AsType[*exitError](err); ok {
		code = e.code
		if e.err == nil {
			return code
		}
	}
	_, _ = fmt.Fprintln(stderr, "sluice: "+err.Error())
	return code
}
