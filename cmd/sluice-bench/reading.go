package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// reading is a run of the aggregation as Sluice tells of it, and what its process took.
type reading struct {
	Run                int64
	Connection         string
	State              string
	Started, Completed time.Time
	Note               string
	Counts             struct{ Scanned, Failed int }
	Standing           struct{ Calls int64 }

	peak int64         // bytes that its process had resident at most
	cpu  time.Duration // that its process took
}

func (r reading) took() time.Duration { return r.Completed.Sub(r.Started) }

// sound tells what is wrong with a reading that is over.
func (r reading) sound(people int) error {
	if r.State != "completed" || r.Counts.Scanned != people || r.Counts.Failed != 0 {
		return fmt.Errorf("run %d of %s is %s (%s) with %d accounts, %d of them failed; want it completed with %d",
			r.Run, r.Connection, r.State, r.Note, r.Counts.Scanned, r.Counts.Failed, people)
	}
	return nil
}

// read runs sluice aggregate run for the people of a connection, and waits for it.
func (h *house) read(ctx context.Context, connection, plan string) (reading, error) {
	cmd, said := h.command(ctx, "aggregate", "run", connection, "people", "--plan", plan)
	if err := cmd.Start(); err != nil {
		return reading{}, err
	}
	watching := make(chan int64, 1)
	ended := make(chan struct{})
	go func() { watching <- peakOf(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	peak := <-watching
	if err != nil {
		return reading{}, fmt.Errorf("sluice aggregate run %s: %w: %s", connection, err, bytes.TrimSpace(said.Bytes()))
	}
	all, err := h.readings(ctx)
	if err == nil && len(all) == 0 {
		err = errors.New("sluice aggregate list shows no run")
	}
	if err != nil {
		return reading{}, err
	}
	all[0].peak, all[0].cpu = peak, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
	return all[0], nil
}

// readings are the runs of a house, the latest first.
func (h *house) readings(ctx context.Context) (all []reading, err error) {
	out, err := h.output(ctx, "aggregate", "list", "-o", "json")
	if err == nil {
		err = json.Unmarshal(out, &all)
	}
	return all, err
}

// command is one of Sluice's, with what it says to people.
func (h *house) command(ctx context.Context, args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, h.binary, h.args(args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	return cmd, &said
}

func (h *house) output(ctx context.Context, args ...string) ([]byte, error) {
	cmd, said := h.command(ctx, args...)
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("sluice %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out, err
}

// export writes the people of a connection as JSON lines, and returns the file and its hash.
func (h *house) export(ctx context.Context, connection string) (file string, sum [sha256.Size]byte, err error) {
	file = filepath.Join(h.dir, "people.jsonl")
	if _, err := h.output(ctx, "aggregate", "export", connection, "people", "--format", "jsonl", "--output", file); err != nil {
		return file, sum, err
	}
	text, err := os.ReadFile(file)
	return file, sha256.Sum256(text), err
}

// firstOdd is the first line in which two texts differ, as each has it; false where they are equal.
func firstOdd(a, b []byte) (line int, inA, inB string, odd bool) {
	x, y := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	at := func(lines [][]byte, i int) string {
		if i < len(lines) {
			return string(lines[i])
		}
		return ""
	}
	for i := range max(len(x), len(y)) {
		if p, q := at(x, i), at(y, i); p != q || i >= len(x) || i >= len(y) {
			return i + 1, p, q, true
		}
	}
	return 0, "", "", false
}

// peakOf looks, until ended, at how much memory a process had resident at most. The kernel keeps the mark; what a process
// takes in its last moment may go unseen.
func peakOf(pid int, ended <-chan struct{}) (bytes int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := statusOf(pid, "VmHWM"); err == nil {
			bytes = max(bytes, now)
		}
		select {
		case <-ended:
			return bytes
		case <-tick.C:
		}
	}
}

// statusOf is an amount of memory that the kernel tells of a process, in bytes.
func statusOf(pid int, name string) (int64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if rest, ok := strings.CutPrefix(lines.Text(), name+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status names no %s", pid, name)
}
