package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// lockName is the file in a data folder whose lock says that the folder is in use, and whose text says by which process, and what that
// does. The file stays when the process goes; only its lock means anything.
const lockName = "sluice.pid"

// What a process does that has a data folder.
const (
	doesServe     = "serve"         // works at the aggregations of the folder's database, as long as it runs
	doesServeElse = "serve another" // serves with another database than the folder's
	doesAggregate = "aggregate"     // works at them until its own run is over
	doesMigrate   = "migrate"
	doesMove      = "store move"
	doesReseal    = "keys rotate-seal"
)

// errHeld is the word of a lock that another process has.
var errHeld = errors.New("another process holds it")

// heldError says that another process has a data folder.
type heldError struct {
	folder string
	pid    string // "unknown" where it cannot be read
	does   string // "" where it cannot be read
}

// Error implements error.
func (e *heldError) Error() string {
	in := fmt.Sprintf("the data folder %s is in use by another sluice, process %s", e.folder, e.pid)
	switch e.does {
	case doesServe, doesServeElse:
		return in + " (serve); stop that one, or name another folder with --data"
	case doesAggregate:
		return in + " (aggregate), which works at a run of its own; wait until that is over, or begin yours there with --leave: it goes on when the next process works at aggregations in the folder"
	case doesMigrate, doesMove, doesReseal:
		return in + " (" + e.does + "); try again when that is over"
	}
	return in + "; stop that one, or name another folder with --data"
}

// lockFolder makes a data folder this process's own until the file is closed or the process ends, and says what it does there. A
// *heldError tells who else has it.
func lockFolder(folder, does string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be written: %w; let this user write it, or name another one with --data", err)
	}
	err = lockFile(file)
	if err == nil {
		err = cmp.Or(file.Truncate(0), writeHolder(file, does))
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, errHeld):
		held := &heldError{folder: folder}
		held.pid, held.does = holder(file)
		err = held
	default:
		err = fmt.Errorf("the data folder %s cannot be locked: %w; use a local disk", folder, err)
	}
	_ = file.Close()
	return nil, err
}

func writeHolder(file *os.File, does string) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+" "+does+"\n"), 0)
	return err
}

// holder reads who holds a lock, and what that process does.
func holder(file *os.File) (pid, does string) {
	text, _ := io.ReadAll(io.LimitReader(file, 64)) // what cannot be read is not known
	pid, does, _ = strings.Cut(strings.TrimSpace(string(text)), " ")
	if _, err := strconv.Atoi(pid); err != nil {
		return "unknown", ""
	}
	return pid, does
}
