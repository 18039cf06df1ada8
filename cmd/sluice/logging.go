package main

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"sluice/connectors"
)

// logs is where the log goes. Level and format follow a reload while it is being written; each record is one write, so that
// nothing is lost when the process ends and lines never mix.
type logs struct {
	out   lockedWriter
	level slog.LevelVar
	form  atomic.Pointer[slog.Handler]
}

// newLogs returns a log of text at level info on out; nil keeps nothing.
func newLogs(out io.Writer) *logs {
	if out == nil {
		out = io.Discard
	}
	l := &logs{out: lockedWriter{to: out}}
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

// logger returns a logger that obeys every later set.
func (l *logs) logger() *slog.Logger { return slog.New(&logHandler{logs: l}) }

// logHandler hands records to the format of the moment.
type logHandler struct {
	logs *logs
	with []func(slog.Handler) slog.Handler // attributes and groups that a logger was given
}

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.logs.level.Level()
}

// Handle implements slog.Handler.
func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	form := *h.logs.form.Load()
	for _, add := range h.with {
		form = add(form)
	}
	return form.Handle(ctx, r)
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

// lockedWriter lets the handlers of two formats share one file for the moment in which they change.
type lockedWriter struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}
