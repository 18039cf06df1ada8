package connectors

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule says when resources of a connection are read by themselves.
type Schedule struct {
	Resources []string      // in the order in which they are read
	Jitter    time.Duration // a run begins up to so much after its time

	times times
}

// Next is when the schedule is due after a time; zero when never. who names what is scheduled: each has a jitter of its own, which is the
// same on every node and after every restart, so that two nodes agree on when a run is due.
func (s *Schedule) Next(after time.Time, who string) time.Time {
	for from := after.Add(-s.Jitter); ; {
		due := s.times.next(from)
		if due.IsZero() {
			return due
		}
		if begins := due.Add(s.jitter(due, who)); begins.After(after) {
			return begins
		}
		from = due
	}
}

func (s *Schedule) jitter(due time.Time, who string) time.Duration {
	if s.Jitter <= 0 {
		return 0
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", who, due.Unix()))
	return time.Duration(binary.BigEndian.Uint64(sum[:8]) % uint64(s.Jitter))
}

// times are the moments of a cron expression in a time zone. An hour that the clock leaves out has none, and one that it repeats has them
// twice.
type times struct {
	cron cron.Schedule
	zone *time.Location
}

func (t times) next(after time.Time) time.Time {
	if t.cron == nil {
		return time.Time{}
	}
	return t.cron.Next(after.In(t.zone)).UTC()
}

// parseTimes reads a cron expression of five fields, or one of its short forms.
func parseTimes(text string, zone *time.Location) (times, error) {
	if strings.Contains(text, "TZ=") {
		return times{}, errors.New("the time zone stands in zone, not in cron")
	}
	schedule, err := cron.ParseStandard(text)
	if err != nil {
		return times{}, fmt.Errorf("%q: %w; write minute, hour, day of month, month and day of week, such as \"30 2 * * *\"", text, err)
	}
	if every, ok := schedule.(cron.ConstantDelaySchedule); ok {
		if every.Delay < time.Minute {
			return times{}, fmt.Errorf("%q: a run a minute is the most that a schedule begins", text)
		}
		schedule = interval(every.Delay)
	}
	if schedule.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, zone)).IsZero() {
		return times{}, fmt.Errorf("%q: there is no such day", text)
	}
	return times{schedule, zone}, nil
}

// interval is due at every multiple of itself since 1970, and not so long after whenever it was asked: that would never come on a node that
// is asked often.
type interval time.Duration

// Next implements cron.Schedule.
func (i interval) Next(after time.Time) time.Time {
	d := time.Duration(i).Nanoseconds()
	return time.Unix(0, (after.UnixNano()/d+1)*d)
}
