package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"sluice/connectors"
)

// logs is where the log goes. Level and format follow a reload while it is being written. A record that comes alone is written at
// once; of many, those below warning are written together, at the latest after logEvery. Lines are never cut.
type logs struct {
	out   batch
	level slog.LevelVar
	form  atomic.Pointer[slog.Handler]
}

// newLogs returns a log of text at level info on out; nil keeps nothing.
func newLogs(out io.Writer) *logs {
	if out == nil {
		out = io.Discard
	}
	l := &logs{out: batch{to: out}}
	l.set(connectors.Logging{Level: "info", Format: "text"})
	return l
}

// set takes up a level and a format.
func (l *logs) set(c connectors.Logging) {
	level := slog.LevelInfo
	if err := level.UnmarshalText([]byte(c.Level)); err == nil {
		l.level.Set(level)
	}
	options := &slog.HandlerOptions{Level: &l.level}
	var form slog.Handler = slog.NewTextHandler(&l.out, options)
	if c.Format == "json" {
		form = slog.NewJSONHandler(&l.out, options)
	}
	l.form.Store(&form)
}

// flush writes what is kept back. Whoever ends the process calls it last.
func (l *logs) flush() { l.out.flush() }

// logger returns a logger that obeys every later set.
func (l *logs) logger() *slog.Logger { return slog.New(&logHandler{logs: l}) }

// logHandler hands records to the format of the moment.
type logHandler struct {
	logs *logs
	with []func(slog.Handler) slog.Handler // attributes and groups that a logger was given
	made atomic.Pointer[formed]
}

// formed is a format with all that a logger was given, made once for as long as the format stays.
type formed struct {
	form *slog.Handler
	full slog.Handler
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.logs.level.Level()
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	err := h.full().Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.logs.flush()
	}
	return err
}

func (h *logHandler) full() slog.Handler {
	form := h.logs.form.Load()
	if made := h.made.Load(); made != nil && made.form == form {
		return made.full
	}
	full := *form
	for _, add := range h.with {
		full = add(full)
	}
	h.made.Store(&formed{form, full})
	return full
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.and(func(form slog.Handler) slog.Handler { return form.WithAttrs(attrs) })
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	return h.and(func(form slog.Handler) slog.Handler { return form.WithGroup(name) })
}

func (h *logHandler) and(add func(slog.Handler) slog.Handler) slog.Handler {
	return &logHandler{logs: h.logs, with: append(h.with[:len(h.with):len(h.with)], add)}
}

// logLibraries takes what libraries write to the standard log, of which there is one for all of the process.
func logLibraries(to *slog.Logger) {
	log.SetFlags(0)               //nolint:forbidigo // nothing is logged by it, and to has times of its own
	log.SetOutput(libraryLog{to}) //nolint:forbidigo // as above
}

// libraryLog is where libraries write that have only the standard log. What a peer sent is left out, as net/http quotes what comes on a connection that
// nobody has asked on: a receiver may well send the token back that it got.
type libraryLog struct{ to *slog.Logger }

// Write implements io.Writer. p is one record.
func (l libraryLog) Write(p []byte) (int, error) {
	text, _, quotes := strings.Cut(strings.TrimSpace(string(p)), " starting with ")
	if quotes {
		text += "; what it was is not written here"
	}
	l.to.Warn(text)
	return len(p), nil
}

// batch writes lines in few writes: a write costs as much as all else that is done for a line.
type batch struct {
	to io.Writer

	mu    sync.Mutex
	lines []byte
	last  time.Time   // of the latest write
	timer *time.Timer // writes what is kept back
	armed bool
}

const (
	logEvery = 100 * time.Millisecond // the longest time that a line is kept back
	logBytes = 32 << 10               // the most that is
)

// Write implements io.Writer. p is whole lines.
func (b *batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, p...)
	if len(b.lines) >= logBytes || time.Since(b.last) >= logEvery {
		return len(p), b.write()
	}
	if !b.armed {
		b.armed = true
		if b.timer == nil {
			b.timer = time.AfterFunc(logEvery, b.flush)
		} else {
			b.timer.Reset(logEvery)
		}
	}
	return len(p), nil
}

func (b *batch) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.armed = false
	_ = b.write() // there is nowhere to say that the log is gone
}

// write empties the batch. The caller holds b.mu.
func (b *batch) write() error {
	if len(b.lines) == 0 {
		return nil
	}
	_, err := b.to.Write(b.lines)
	b.lines = b.lines[:0]
	b.last = time.Now()
	return err
}
