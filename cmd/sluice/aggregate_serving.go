package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"sluice/aggregation"
)

// idleFor is how long nobody may have taken a partition of a run before whoever waits for it is told so.
const idleFor = 30 * time.Second

// serving is another process that has the data folder and works at the aggregations in it, so that this one only follows.
type serving struct {
	who    string // "sluice serve (pid 123)"
	folder string

	idle time.Time // since when nobody has a partition; zero: somebody has
	told bool
}

// servingOf is the process that has a folder according to err, if it works at aggregations as long as it runs; otherwise nil.
func servingOf(err error) *serving {
	held, ok := errors.AsType[*heldError](err)
	if !ok || held.does != doesServe {
		return nil
	}
	return &serving{who: "sluice serve (pid " + held.pid + ")", folder: held.folder}
}

// look sees whether the other process is still at it. A run that nobody works at for long is told of once, and is an error when that
// process is gone; s may be nil.
func (s *serving) look(out io.Writer, run aggregation.Run, at standing, now time.Time) error {
	switch {
	case s == nil:
		return nil
	case at.Taken, at.Waiting != "": // a partition that pauses is somebody's, too
		s.idle = time.Time{}
		return nil
	case s.idle.IsZero():
		s.idle = now
	}
	if now.Sub(s.idle) < idleFor {
		return nil
	}
	s.idle = now
	lock, err := lockFolder(s.folder, doesAggregate)
	if err == nil {
		_ = lock.Close()
		return fmt.Errorf("%s is gone, and run %d stays as it is; sluice aggregate resume %d goes on with it", s.who, run.ID, run.ID)
	}
	if !s.told {
		s.told = true
		_, err = fmt.Fprintf(out, "run %d waits: nobody works at it for %s; %s may be at other runs of %s, or its configuration may not have that connection\n",
			run.ID, idleFor, s.who, run.Scope.Connection)
		return err
	}
	return nil
}
