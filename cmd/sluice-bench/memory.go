package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	idleConsumers = 10_000
	heldRequests  = 2_000
	heldWindow    = 40 * time.Second
	memoryBar     = 300 << 20
)

// benchMemory measures what Sluice holds resident with many idle keep-alive consumers and many requests held for a place. args may name the
// sluice binary.
func benchMemory(ctx context.Context, args []string) error {
	binary, dir, v, tidy, err := prepare(ctx, args)
	if err != nil {
		return err
	}
	defer tidy()
	p, err := startHolding(ctx, binary, dir, v.addr)
	if err != nil {
		return err
	}
	defer p.stop()
	start, err := p.resident()
	if err != nil {
		return err
	}
	fmt.Printf("%-48s %6d MiB\n", "started", start>>20)
	idle, err := consumers(ctx, p.addr, idleConsumers, path)
	defer closeAll(idle)
	if err != nil {
		return err
	}
	after, err := p.resident()
	if err != nil {
		return err
	}
	fmt.Printf("%-48s %6d MiB\n", fmt.Sprintf("%d idle keep-alive consumers", idleConsumers), after>>20)
	held, err := hold(ctx, p.addr)
	defer closeAll(held)
	if err != nil {
		return err
	}
	full, err := p.resident()
	if err != nil {
		return err
	}
	fmt.Printf("%-48s %6d MiB\n", fmt.Sprintf("… and %d held requests", heldRequests), full>>20)
	if got := v.calls.Load(); got != idleConsumers+heldRequests {
		return fmt.Errorf("the vendor has %d calls, want %d: the requests were not held", got, idleConsumers+heldRequests)
	}
	fmt.Printf("memory_mib=%d\n", full>>20)
	if full > memoryBar {
		return fmt.Errorf("more than %d MiB", memoryBar>>20)
	}
	return nil
}

// startHolding starts Sluice with one route whose limit is soon spent.
func startHolding(ctx context.Context, binary, dir, vendor string) (*process, error) {
	addr, err := freeAddr(ctx)
	if err != nil {
		return nil, err
	}
	config := fmt.Sprintf(`listeners:
  main: {address: %q}
admin: {address: "127.0.0.1:0"}
limits: {in_flight: 20000, max_hold: 1m}
connections:
  tdx:
    connector: teamdynamix
    base_url: http://%s/TDWebApi
    allow_networks: [127.0.0.0/8]
    limits:
      "GET /api/people/{uid}": {limit: %d}
      "GET /api/groups/{id}": {limit: %d, window: %s}
    timeouts: {total: 2m}
`, addr, vendor, limit, heldRequests, heldWindow)
	file := filepath.Join(dir, "sluice.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	return start(ctx, addr, binary, "serve", "--config", file)
}

// consumers opens n connections, each of which asks once and stays.
func consumers(ctx context.Context, addr string, n int, path string) ([]net.Conn, error) {
	conns := make([]net.Conn, n)
	errs := make([]error, clients)
	var all sync.WaitGroup
	for worker := range clients {
		all.Go(func() {
			for i := worker; i < n && ctx.Err() == nil; i += clients {
				conns[i], errs[worker] = ask(ctx, addr, path)
				if errs[worker] == nil {
					errs[worker] = answered(conns[i])
				}
				if errs[worker] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	return conns, errors.Join(errors.Join(errs...), ctx.Err())
}

// ask opens a connection and sends a request on it.
func ask(ctx context.Context, addr, path string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp4", addr)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Now().Add(3 * time.Minute)); err != nil {
		return conn, err
	}
	_, err = fmt.Fprintf(conn, "GET /tdx%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer of-no-value\r\nAccept: application/json\r\n\r\n", path, addr)
	return conn, err
}

// answered reads one answer off conn.
func answered(conn net.Conn) error {
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body := make([]byte, 4096)
	n, _ := readAll(resp, body)
	return checkAnswer(resp.StatusCode, body[:n])
}

func readAll(resp *http.Response, into []byte) (n int, err error) {
	for err == nil && n < len(into) {
		var m int
		m, err = resp.Body.Read(into[n:])
		n += m
	}
	return n, err
}

// hold spends a window's places and then sends as many requests again, which Sluice must hold.
func hold(ctx context.Context, addr string) ([]net.Conn, error) {
	const limited = "/api/groups/17"
	spent, err := consumers(ctx, addr, heldRequests, limited)
	closeAll(spent)
	if err != nil {
		return nil, err
	}
	held := make([]net.Conn, heldRequests)
	for i := range held {
		if held[i], err = ask(ctx, addr, limited); err != nil {
			return held, err
		}
	}
	return held, pause(ctx, 2*time.Second) // for the proxy to read them all
}

func closeAll(conns []net.Conn) {
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
}
