package proxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestWritePatience: the bound is on a piece and not on the whole, so a slow caller gets all, and one who stops reading nothing more.
func TestWritePatience(t *testing.T) {
	t.Parallel()
	const size, sip = 1 << 20, 16 << 10
	for _, way := range []struct {
		name string
		send func(*callerConn, []byte) error
	}{
		{"one write", func(c *callerConn, data []byte) error { _, err := c.Write(data); return err }},
		{"a stream", func(c *callerConn, data []byte) error {
			_, err := c.ReadFrom(struct{ io.Reader }{bytes.NewReader(data)})
			return err
		}},
	} {
		for _, stopsAfter := range []int{size, size / 2} {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := net.Pipe()
				c := &callerConn{Conn: ours, patience: WritePatience}
				begun, sent := time.Now(), make(chan error, 1)
				go func() { sent <- way.send(c, make([]byte, size)) }()
				for got := 0; got < stopsAfter; got += sip {
					<-time.After(WritePatience / 10)
					if _, err := io.ReadFull(theirs, make([]byte, sip)); err != nil {
						t.Fatalf("%s: after %d bytes and %v: %v", way.name, got, time.Since(begun), err)
					}
				}
				last := time.Now()
				err := <-sent
				if whole := stopsAfter == size; whole && err != nil || !whole && !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s, read %d of %d: got %v", way.name, stopsAfter, size, err)
				}
				if waited := time.Since(last); waited > WritePatience {
					t.Errorf("%s, read %d of %d: got an end %v after the last read, want %v at the most", way.name, stopsAfter, size, waited, WritePatience)
				}
				if err := errors.Join(c.Close(), theirs.Close()); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
	}
}
