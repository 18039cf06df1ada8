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

// lockName is the file in a data folder whose lock says that the folder is in use, and whose text says by which process. The file stays
// when the process goes; only its lock means anything.
const lockName = "sluice.pid"

// errHeld is the word of a lock that another process has.
var errHeld = errors.New("another process holds it")

// lockFolder makes a data folder this process's own until the file is closed or the process ends.
func lockFolder(folder string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be written: %w; let this user write it, or name another one with --data", err)
	}
	err = lockFile(file)
	if err == nil {
		err = cmp.Or(file.Truncate(0), writePID(file))
	}
	switch {
	case err == nil:
		return file, nil
	case errors.Is(err, errHeld):
		err = fmt.Errorf("the data folder %s is in use by another sluice, process %s; stop that one, or name another folder with --data", folder, holder(file))
	default:
		err = fmt.Errorf("the data folder %s cannot be locked: %w; use a local disk", folder, err)
	}
	_ = file.Close()
	return nil, err
}

func writePID(file *os.File) error {
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder reads who holds a lock.
func holder(file *os.File) string {
	text, _ := io.ReadAll(io.LimitReader(file, 32)) // what cannot be read is not known
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		return strconv.Itoa(pid)
	}
	return "unknown"
}
