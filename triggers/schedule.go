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

// mostSpared is how many attempts an invocation has whose time ran out before it was tried so often: its subscription was paused, the event
// before it failed, no process ran, or each attempt took long. One that has its only attempt just then is not to be lost by the first hiccup.
const mostSpared = 5

// Schedule is the retry policy: pure, so that one table tests it. tries are the attempts so far, with the one that failed; born is when the
// invocation was made, or replayed; span is for how long it is tried. chance, from 0 to 1, spreads those that failed together over half of
// the pause. A receiver that says when is obeyed, as far as the span lets; the last attempt is made at the span's end. One that was not tried until
// then as often as the span allows, or five times, has the rest of those attempts, in a row.
func Schedule(now, born time.Time, tries int, err error, span time.Duration, chance float64) Outcome {
	end := born.Add(span)
	over := !now.Before(end)
	if IsPermanent(err) || over && tries >= attemptsIn(span) {
		return Outcome{Dead: true}
	}
	pause := pauseAfter(tries)
	pause = pause/2 + time.Duration(chance*float64(pause/2))
	if over {
		return Outcome{At: now.Add(pause)}
	}
	at := now.Add(max(pause, AfterOf(err)))
	if at.After(end) {
		at = end
	}
	return Outcome{At: at}
}

func pauseAfter(tries int) time.Duration {
	return time.Duration(min(float64(mostPause), float64(firstPause)*math.Pow(growth, float64(max(0, tries-1)))))
}

// attemptsIn is how many attempts fit into a span, the first and that at its end among them, and mostSpared at the most.
func attemptsIn(span time.Duration) int {
	n := 2
	for at := pauseAfter(1); at < span && n < mostSpared; n++ {
		at += pauseAfter(n)
	}
	return n
}
