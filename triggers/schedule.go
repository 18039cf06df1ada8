package triggers

import (
	"math"
	"time"
)

// Outcome says what comes after an attempt that did not work.
type Outcome struct {
	Dead bool
	At   time.Time // of the next attempt
}

// The pauses between attempts: 1 s, then 2.5 times as long each, an hour at the most.
const (
	firstPause = time.Second
	mostPause  = time.Hour
	growth     = 2.5
)

// Schedule is the retry policy: pure, so that one table tests it. tries are the attempts so far, with the one that failed; born is when the
// invocation was made, or replayed; span is for how long it is tried. chance, from 0 to 1, spreads those that failed together over half of
// the pause. A receiver that says when is obeyed, as far as the span lets; the last attempt is made at the span's end.
func Schedule(now, born time.Time, tries int, err error, span time.Duration, chance float64) Outcome {
	end := born.Add(span)
	if IsPermanent(err) || !now.Before(end) {
		return Outcome{Dead: true}
	}
	pause := time.Duration(min(float64(mostPause), float64(firstPause)*math.Pow(growth, float64(max(0, tries-1)))))
	pause = pause/2 + time.Duration(chance*float64(pause/2))
	pause = max(pause, AfterOf(err))
	at := now.Add(pause)
	if at.After(end) {
		at = end
	}
	return Outcome{At: at}
}
