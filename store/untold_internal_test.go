package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What cannot be told because of the disk or the server counts until something is told, or nobody has tried for a while. What is wrong with an event
// itself says nothing of the database.
func TestUntold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &DB{}
		began := time.Now()
		want := func(when string, untold bool) {
			t.Helper()
			since, err := db.Untold()
			if (err != nil) != untold || untold && !since.Equal(began) {
				t.Errorf("%s: got %v since %v, want an error %v since %v", when, err, since, untold, began)
			}
		}
		full := away{errors.New("disk full")}
		db.untold.note(t.Context(), time.Now(), errors.New("an event without an id"))
		want("after another error", false)
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		<-over.Done()
		db.untold.note(over, time.Now(), away{over.Err()})
		want("after a caller had no time left", false)
		began = time.Now()
		db.untold.note(t.Context(), time.Now(), full)
		<-time.After(untoldFor)
		want("a minute later", true)
		<-time.After(time.Second)
		want("when nobody has tried since", false)
		db.untold.note(t.Context(), time.Now(), full)
		want("after another", true)
		db.untold.note(t.Context(), time.Now(), nil)
		want("after a success", false)
	})
}
