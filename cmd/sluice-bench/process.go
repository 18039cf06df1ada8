package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a proxy under test in a process of its own.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// start runs a program pinned to one processor and waits until it accepts connections at addr.
func start(ctx context.Context, addr, name string, args ...string) (*process, error) {
	return launch(ctx, func(run func() error) error { return pinned(proxyCPU, run) }, addr, name, args...)
}

// startFree is start of a program that has all processors.
func startFree(ctx context.Context, addr, name string, args ...string) (*process, error) {
	return launch(ctx, func(run func() error) error { return run() }, addr, name, args...)
}

func launch(ctx context.Context, by func(run func() error) error, addr, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	log, err := os.CreateTemp("", "sluice-bench-*.log")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd.Stderr = log
	if err := by(cmd.Start); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, addr: addr}
	dialer := net.Dialer{Timeout: time.Second}
	for range 100 {
		conn, err := dialer.DialContext(ctx, "tcp4", addr)
		if err == nil {
			_ = conn.Close()
			_ = os.Remove(log.Name())
			return p, nil
		}
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			p.stop()
			return nil, err
		}
	}
	p.stop()
	return nil, fmt.Errorf("%s does not listen on %s; its log is %s", name, addr, log.Name())
}

// pause waits for d. It returns the error of ctx when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// The proxy has one processor, load and vendor share another, as far as there are two.
const (
	proxyCPU = 0
	loadCPU  = 1
)

// pinned runs f on a thread that is bound to one processor; a process that f starts inherits it.
func pinned(cpu int, f func() error) error {
	if runtime.NumCPU() < 2 {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return err
	}
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return err
	}
	defer func() { _ = unix.SchedSetaffinity(0, &before) }()
	return f()
}

// pinSelf binds every thread of this process to one processor.
func pinSelf(cpu int) error {
	if runtime.NumCPU() < 2 {
		return nil
	}
	var set unix.CPUSet
	set.Set(cpu)
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, t := range threads {
		tid, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		if err := unix.SchedSetaffinity(tid, &set); err != nil {
			return fmt.Errorf("thread %d: %w", tid, err)
		}
	}
	return nil
}

// cpu is the time that a process has run so far, user and system, on all its threads and those of its children that bear pids.
func cpu(pids ...int) (time.Duration, error) {
	var sum time.Duration
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		if err != nil {
			return 0, err
		}
		for _, file := range threads {
			text, err := os.ReadFile(file)
			if err != nil {
				continue // the thread has ended
			}
			ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			sum += time.Duration(ns)
		}
	}
	return sum, nil
}

// pids are a process and its children.
func (p *process) pids() []int {
	pid := p.cmd.Process.Pid
	all := []int{pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return all
	}
	for _, word := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(word); err == nil {
			all = append(all, child)
		}
	}
	return all
}

// resident is the memory that a process holds, in bytes.
func (p *process) resident() (int64, error) { return statusOf(p.cmd.Process.Pid, "VmRSS") }

// freeAddr is a loopback address that was free a moment ago.
func freeAddr(ctx context.Context) (string, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String(), nil
}

// prepare names the binary under test (args may say another), makes a folder for its configuration and starts a vendor for it. tidy ends both.
func prepare(ctx context.Context, args []string) (binary, dir string, v *vendor, tidy func(), err error) {
	binary = "bin/sluice"
	if len(args) > 0 {
		binary = args[0]
	}
	if dir, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return binary, dir, nil, nil, err
	}
	if v, err = startVendor(ctx); err != nil {
		_ = os.RemoveAll(dir)
		return binary, dir, nil, nil, err
	}
	return binary, dir, v, func() {
		v.close()
		_ = os.RemoveAll(dir)
	}, nil
}
