package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"sluice/proxy"
)

// dataVariable names the environment variable that stands for --data.
const dataVariable = "SLUICE_DATA"

// paceFile holds what is known of the vendors' limits.
const paceFile = "pace.json"

// saveEvery is how much of what is known a kill can cost.
const saveEvery = 5 * time.Second

// largestPaceFile bounds what is read at a start; what we write is far smaller.
const largestPaceFile = 64 << 20

// dataFolder is the folder for what must survive a restart. It belongs to one process.
type dataFolder struct {
	path string
	log  *slog.Logger
	lock *os.File // held as long as it is open

	saving  sync.Mutex
	unsaved []byte // what could not be written
	failing bool   // the latest save failed, and the log has said so
}

// openData makes the folder, if need be, makes it this process's own for what it does there, and tries whether it can be written.
func openData(path, does string, log *slog.Logger) (*dataFolder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w; name another one with --data, or leave it out and start without a memory", err)
	}
	lock, err := lockFolder(path, does)
	if err != nil {
		return nil, err
	}
	if err := probe(path); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return &dataFolder{path: path, log: log, lock: lock}, nil
}

// close lets another process have the folder, if there is one.
func (d *dataFolder) close() {
	if d != nil && d.lock != nil {
		_ = d.lock.Close() // nothing of it is to be kept
	}
}

// probe tries whether a new file can be written in a folder.
func probe(path string) error {
	file, err := os.CreateTemp(path, "probe-*")
	if err != nil {
		return fmt.Errorf("the data folder cannot be written: %w; let this user write it, or name another one with --data", err)
	}
	if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
		return fmt.Errorf("the data folder: %w", err)
	}
	return nil
}

// pace reads what was known of limits. A file that cannot be read is kept aside, and the house starts without it.
func (d *dataFolder) pace() *proxy.PaceMemory {
	name := filepath.Join(d.path, paceFile)
	memory, err := readPace(name)
	switch {
	case err == nil:
		return memory
	case errors.Is(err, fs.ErrNotExist):
		return proxy.NewPaceMemory()
	}
	aside := name + ".bad"
	attributes := []any{"file", name, "error", err}
	if moved := os.Rename(name, aside); moved != nil {
		attributes = append(attributes, "keptAside", moved)
	} else {
		attributes = append(attributes, "keptAs", aside)
	}
	d.log.Warn("starting without what was known of the vendors' limits, so one that was spent before may be spent again; "+
		"nothing needs to be done, but a file that this version wrote and cannot read is worth a report", attributes...)
	return proxy.NewPaceMemory()
}

func readPace(name string) (*proxy.PaceMemory, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, largestPaceFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(data) > largestPaceFile:
		return nil, fmt.Errorf("%w: it is larger than %d MiB", proxy.ErrPaceMemory, largestPaceFile>>20)
	}
	return proxy.ReadPaceMemory(data)
}

// keep saves what is known of limits every few seconds until ctx ends.
func (d *dataFolder) keep(ctx context.Context, upstreams *proxy.Upstreams) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			d.save(upstreams)
		}
	}
}

// save writes what is known of limits, if anything has changed. A failure is logged once, and the next save tries again.
func (d *dataFolder) save(upstreams *proxy.Upstreams) {
	d.saving.Lock()
	defer d.saving.Unlock()
	data, err := upstreams.Remember()
	if data == nil && err == nil {
		data = d.unsaved
	}
	if data == nil && err == nil {
		return
	}
	if err == nil {
		err = replace(filepath.Join(d.path, paceFile), data)
	}
	switch {
	case err == nil && d.failing:
		d.log.Info("what is known of limits is saved again", "folder", d.path)
	case err != nil && !d.failing:
		d.log.Error("what is known of limits is not saved, so a restart may spend a limit twice; see that the folder can be written",
			"folder", d.path, "error", err)
	}
	d.failing, d.unsaved = err != nil, nil
	if err != nil {
		d.unsaved = data
	}
}

// replace writes a file so that whoever reads it, whenever the machine stops, finds the old one or the new one and nothing between.
func replace(name string, data []byte) (err error) {
	fresh := name + ".new"
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, name); err != nil {
		return err
	}
	if folder, err := os.Open(filepath.Dir(name)); err == nil {
		_ = folder.Sync() // not every file system can; then the name is safe a little later
		_ = folder.Close()
	}
	return nil
}
