package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Backup writes a copy of the database, as it is at this moment, to a new file, while others go on reading and writing. What is at path
// is never overwritten. It is done when the copy is on the disk; after an error there is no file. PostgreSQL has tools of its own for
// that, and the error says so.
func (db *DB) Backup(ctx context.Context, path string) error {
	if err := db.engine.backup(ctx, path); err != nil {
		return fmt.Errorf("backup: %w", db.engine.explain(err))
	}
	return nil
}

func (e *sqliteEngine) backup(ctx context.Context, path string) (err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // VACUUM takes an empty file for none
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is there already; name a new file", path)
	case err != nil:
		return fmt.Errorf("the copy cannot be written: %w", err)
	}
	defer func() {
		file.Close()
		if err != nil {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	conn, err := sqliteDB(e.path, url.Values{"_pragma": {"busy_timeout(" + busy + ")"}}, 1) // which reads; those of the pool could not write the copy
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "VACUUM INTO ?", path); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync() // not every file system can; then the name is safe a little later
		folder.Close()
	}
	return nil
}
