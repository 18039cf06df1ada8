package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"reflect"
	"time"

	"sluice/connectors"
	"sluice/internal/strict"
)

// configState is what became of the configuration that was read last. It never changes; a reload stores another.
type configState struct {
	Revision     string        `json:"revision"` // of the one in force
	AppliedAt    time.Time     `json:"appliedAt"`
	RefusedSince time.Time     `json:"refusedSince,omitzero"` // since when what lies there is not what runs
	Faults       strict.Faults `json:"-"`
}

// causeFile is the cause of a reload that nobody asked for.
const causeFile = "file change"

var errClosing = errors.New("sluice is stopping")

// Reload reads the configuration again and takes it into force, or refuses it and leaves the old one as it is: then the error holds
// the faults. cause is for the log: a signal, a changed file, a request.
func (a *App) Reload(ctx context.Context, cause string) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	if a.phase.Load() == phaseStopping {
		return errClosing
	}
	defer a.follow()
	before := a.state.Load()
	set, faults := a.source.load()
	if err := faults.Err(); err != nil {
		a.doors.refresh()
		return a.refuse(before, cause, err)
	}
	if set.Revision == before.Revision && before.RefusedSince.IsZero() {
		level := slog.LevelInfo
		if cause == causeFile {
			level = slog.LevelDebug // nobody asked
		}
		a.log.Log(ctx, level, "configuration read again: nothing has changed", "cause", cause)
		return nil
	}
	if err := a.lasting(set).Err(); err != nil {
		return a.refuse(before, cause, err)
	}
	if err := a.apply(ctx, set); err != nil {
		return a.refuse(before, cause, err)
	}
	now := time.Now()
	a.metrics.Reloaded(nil, now)
	a.state.Store(&configState{Revision: set.Revision, AppliedAt: now})
	a.log.Info("configuration applied", "cause", cause, "revision", set.Revision)
	a.node.keepUp(ctx)
	return nil
}

// lasting are the faults of a configuration that changes what holds for the life of a process.
func (a *App) lasting(set *connectors.Set) (faults strict.Faults) {
	runs := a.upstreams.Set()
	if !set.Database.Equal(runs.Database) {
		faults = append(faults, a.source.faultf("database", "is another one than when this process started, which needs a restart: restart sluice, or put back what was there"))
	}
	if set.Leases != runs.Leases && set.Database.IsZero() == runs.Database.IsZero() {
		faults = append(faults, a.source.faultf("leases", "are others than when this process started, which needs a restart: restart sluice, and all others on its database, or put back what was there"))
	}
	if !sameEvents(set.Events, runs.Events) {
		faults = append(faults, a.source.faultf("triggers", "is other than when this process started, which needs a restart: restart sluice, or put back what was there"))
	}
	return faults
}

// refuse keeps the configuration in force and says why.
func (a *App) refuse(before *configState, cause string, err error) error {
	next := *before
	next.Faults = faultsOf(err)
	if next.RefusedSince.IsZero() {
		next.RefusedSince = time.Now()
	}
	a.state.Store(&next)
	a.metrics.Reloaded(err, time.Now())
	a.log.Error("configuration refused, the old one stays", "cause", cause, "faults", len(next.Faults), "revision", before.Revision)
	for _, f := range next.Faults {
		a.log.Error("fault", "at", f.String())
	}
	return err
}

// follow tells the watcher that other files may be part of the configuration now.
func (a *App) follow() {
	select {
	case a.reloaded <- struct{}{}:
	default:
	}
}

// reloadOn reloads for every signal until ctx ends.
func (a *App) reloadOn(ctx context.Context, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			_ = a.Reload(ctx, s.String()) // logged and counted there
		}
	}
}

func sameEvents(a, b connectors.Events) bool {
	secrets := a.Seal.Equal(b.Seal) && a.EventBridge.SecretAccessKey.Equal(b.EventBridge.SecretAccessKey)
	for _, e := range []*connectors.Events{&a, &b} {
		e.Seal, e.EventBridge.SecretAccessKey = strict.Secret{}, strict.Secret{}
	}
	return secrets && reflect.DeepEqual(a, b)
}
