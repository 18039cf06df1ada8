//go:build unix

package main

import (
	"errors"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// backlog takes the connections that the kernel has made for a listener and nobody has accepted yet. It never waits.
func backlog(l *net.TCPListener) (conns []net.Conn) {
	raw, err := l.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(listener uintptr) { // it fails when l is closed: then there is none
		for {
			fd, _, err := unix.Accept(int(listener))
			switch {
			case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
				continue
			case err != nil: // EAGAIN: that was the last
				return
			}
			unix.CloseOnExec(fd)
			file := os.NewFile(uintptr(fd), "connection")
			if conn, err := net.FileConn(file); err == nil { // of a copy of fd
				conns = append(conns, conn)
			}
			_ = file.Close()
		}
	})
	return conns
}
