package store

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"sluice/aggregation"
)

// away marks an error as aggregation.ErrAway, and says no other words.
type away struct{ error }

func (a away) Is(target error) bool { return target == aggregation.ErrAway }

func (a away) Unwrap() error { return a.error }

// awayCodes are what PostgreSQL says when it goes, comes, or has no place left, of connections or on the disk, and when it has given a transaction up
// whose process said nothing.
var awayCodes = []string{"57P01", "57P02", "57P03", "53300", "53100", "25P03"}

// isAway tells whether the server is away, or can take nothing, and may well be there later.
func (e *postgresEngine) isAway(err error) bool {
	if of, is := errors.AsType[*pgconn.PgError](err); is {
		return slices.Contains(awayCodes, of.Code) || strings.HasPrefix(of.Code, "08")
	}
	_, network := errors.AsType[net.Error](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	return network || connecting || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, context.DeadlineExceeded)
}

// isAway tells whether another has the file, or its disk is full.
func (e *sqliteEngine) isAway(err error) bool {
	of, is := errors.AsType[*sqlite.Error](err)
	return is && slices.Contains([]int{sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}, of.Code()&0xff)
}
