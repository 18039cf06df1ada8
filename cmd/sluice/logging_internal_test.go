package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sluice/connectors"
	"sluice/internal/strict"
)

// TestLogsFollow: a logger that was made before takes up level and format, with the attributes that it has.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLogs(&out)
	log := l.logger().With("a", 1).WithGroup("g").With("b", 2)
	log.Debug("unseen")
	log.Info("first", "c", strict.NewSecret("", "planted"))
	l.set(connectors.Logging{Level: "debug", Format: "json"})
	log.Debug("second", "c", 3)
	l.set(connectors.Logging{Level: "error", Format: "text"})
	log.Warn("unseen")
	l.flush()

	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.HasSuffix(lines[0], "level=INFO msg=first a=1 g.b=2 g.c=[redacted]") {
		t.Fatalf("got %q, want two lines, the first as text", lines)
	}
	var second struct {
		Level, Msg string
		A          int
		G          map[string]int
	}
	if err := json.Unmarshal([]byte(lines[1]), &second); err != nil || second.Level != "DEBUG" || second.A != 1 || second.G["b"] != 2 || second.G["c"] != 3 {
		t.Errorf("got %s, %v; want JSON with all attributes", lines[1], err)
	}
}

// TestLogsWriteWholeLines: what several goroutines say while the format changes does not mix.
func TestLogsWriteWholeLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	l := newLogs(&out)
	log := l.logger()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				log.Info("a line", "of", strings.Repeat("x", 200))
			}
		})
	}
	for i := range 20 {
		l.set(connectors.Logging{Level: "info", Format: []string{"text", "json"}[i%2]})
	}
	all.Wait()
	l.flush()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 200 {
		t.Errorf("got %d lines, want 200", len(lines))
	}
	for _, line := range lines {
		if isJSON, isText := strings.HasPrefix(line, "{") && strings.HasSuffix(line, "}"), strings.HasPrefix(line, "time=") && strings.HasSuffix(line, "x"); !isJSON && !isText {
			t.Fatalf("got a line that is neither form: %q", line)
		}
	}
}

func TestLogsDefault(t *testing.T) {
	t.Parallel()
	log := newLogs(nil).logger()
	if log.Enabled(t.Context(), slog.LevelDebug) || !log.Enabled(t.Context(), slog.LevelInfo) {
		t.Error("got another level than info before any configuration")
	}
	log.Info("kept nowhere")
}

// TestLogsKeepBack: a line that comes alone is written at once, of many the rest soon, and a warning takes them all along.
func TestLogsKeepBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &logText{}
		log := newLogs(out).logger()
		written := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			if got := strings.Count(out.String(), "\n"); got != want {
				t.Errorf("%s: got %d lines written, want %d", when, got, want)
			}
		}
		log.Info("alone")
		written("a line alone", 1)
		log.Info("one of many")
		log.Info("one of many")
		written("close behind it", 1)
		<-time.After(logEvery)
		written("a little later", 3)
		log.Info("one of many")
		log.Warn("look here")
		written("with a warning", 5)
		log.Info(strings.Repeat("x", logBytes))
		written("a great deal", 6)
	})
}

// What a receiver sends that nobody has asked for is in no log, though net/http would have it there.
func TestLibrariesQuoteNoPeer(t *testing.T) {
	t.Parallel()
	const token = "planted-token"
	var out bytes.Buffer
	logs := newLogs(&out)
	to := libraryLog{logs.logger()}
	for _, text := range []string{fmt.Sprintf("Unsolicited response received on idle HTTP channel starting with %q; err=<nil>\n", "HTTP/1.1 200 OK\r\n\r\n"+token), "Error enabling Transport HTTP/2 support\n"} {
		if _, err := io.WriteString(to, text); err != nil {
			t.Fatal(err)
		}
	}
	logs.flush()
	got := out.String()
	if strings.Contains(got, token) || !strings.Contains(got, "on idle HTTP channel; what it was") || !strings.Contains(got, "Error enabling Transport HTTP/2 support") || !strings.Contains(got, "level=WARN") {
		t.Errorf("got %q, want both warnings, and no token", got)
	}
}
