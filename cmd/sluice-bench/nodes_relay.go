package main

import (
	"context"
	"io"
	"net"
	"sync"
)

// relay stands between a node and a server, and can be cut.
type relay struct {
	listener net.Listener
	server   string // host:port

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

func startRelay(ctx context.Context, server string) (*relay, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &relay{listener: ln, server: server, conns: map[net.Conn]struct{}{}}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go r.pass(ctx, conn)
		}
	}()
	return r, nil
}

func (r *relay) addr() string { return r.listener.Addr().String() }

// pass takes bytes both ways until either side ends, or the relay is cut.
func (r *relay) pass(ctx context.Context, client net.Conn) {
	defer r.forget(client)
	if !r.keep(client) {
		return
	}
	server, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.server)
	if err != nil {
		return
	}
	defer r.forget(server)
	if !r.keep(server) {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		r.forget(server)
	}()
	_, _ = io.Copy(client, server)
}

// keep tells whether a connection may be, and remembers it until it is forgotten.
func (r *relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.cut {
		r.conns[conn] = struct{}{}
	}
	return !r.cut
}

func (r *relay) forget(conn net.Conn) {
	_ = conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
}

// set cuts the relay, which ends all connections and every new one, or mends it.
func (r *relay) set(cut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = cut
	if cut {
		for conn := range r.conns {
			_ = conn.Close()
		}
	}
}

func (r *relay) close() {
	_ = r.listener.Close()
	r.set(true)
}
