package main

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestRelay: bytes pass until it is cut, and again when it is mended.
func TestRelay(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn) }()
		}
	}()
	r, err := startRelay(t.Context(), server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	dial := func() net.Conn {
		conn, err := net.Dial("tcp4", r.addr())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		return conn
	}
	echo := func(conn net.Conn) error {
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 1))
		return err
	}
	old := dial()
	defer func() { _ = old.Close() }()
	if err := echo(old); err != nil {
		t.Errorf("whole: got %v, want an echo", err)
	}
	r.set(true)
	fresh := dial()
	defer func() { _ = fresh.Close() }()
	for name, conn := range map[string]net.Conn{"open before": old, "opened after": fresh} {
		if err := echo(conn); err == nil {
			t.Errorf("cut: got an echo on a connection %s, want none", name)
		}
	}
	r.set(false)
	mended := dial()
	defer func() { _ = mended.Close() }()
	if err := echo(mended); err != nil {
		t.Errorf("mended: got %v, want an echo", err)
	}
}
