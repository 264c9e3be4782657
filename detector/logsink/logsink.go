// Package logsink writes down what a detector finds, and what troubles it, as
// structured log lines.
//
// A verdict is logged at each step of its life, with its sentences and, under
// the key verdict, in the JSON form of package explain. That it still stands is
// logged once in a while. Trouble that others can cause at will, such as
// malformed messages, is logged at most once in each Interval, with the number
// of times that it was not.
//
// Whoever logs does not wait for the log to be read if it goes through a Writer.
package logsink

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// Interval is how often the same kind of trouble is logged, and that a verdict
// still stands.
const Interval = 10 * time.Second

// KeyVerdict is the key of a verdict in the JSON form of package explain; as
// text it is the lines that explain it.
const KeyVerdict = "verdict"

const (
	keyID         = "id"
	keyError      = "error"
	keySuppressed = "suppressed"
)

// Log is safe for concurrent use.
type Log struct {
	log *slog.Logger

	mu       sync.Mutex
	trouble  map[string]*quiet
	standing map[string]time.Time // when a verdict was last logged, by its ID
	swept    time.Time            // when standing was last searched for what nobody repeats
}

// quiet is a kind of trouble that was logged not long ago.
type quiet struct {
	until      time.Time
	suppressed int
}

// New returns a Log that writes to l.
func New(l *slog.Logger) *Log {
	return &Log{log: l, trouble: make(map[string]*quiet), standing: make(map[string]time.Time)}
}

// Announce logs a step of a verdict, or that it still stands.
func (l *Log) Announce(ctx context.Context, at time.Time, a detector.Announce) {
	if !l.due(at, &a) {
		return
	}
	v := explain.Of(a.Verdict, at)
	message, level := "deadlock "+string(v.Status), slog.LevelWarn
	switch {
	case a.Again:
		message = "deadlock still " + string(v.Status)
	case v.Contradicted:
		level = slog.LevelError
	case v.Status == detector.Retracted:
		message, level = "suspicion retracted", slog.LevelInfo
	case v.Status != detector.Confirmed:
		level = slog.LevelInfo
	}
	l.log.LogAttrs(ctx, level, message, slog.String(keyID, v.ID), slog.Any(KeyVerdict, v))
}

// due reports whether an announcement is to be logged, and takes note of it.
func (l *Log) due(at time.Time, a *detector.Announce) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(at)
	last, known := l.standing[a.Verdict.ID]
	if a.Again && known && at.Sub(last) < Interval {
		return false
	}
	l.standing[a.Verdict.ID] = at
	if a.Verdict.Status.Ended() {
		delete(l.standing, a.Verdict.ID)
	}
	return true
}

// sweep forgets what was logged so long ago that it holds back nothing: of
// verdicts that end unheard no more is heard.
func (l *Log) sweep(at time.Time) {
	if at.Sub(l.swept) < Interval {
		return
	}
	l.swept = at
	for id, last := range l.standing {
		if at.Sub(last) >= Interval {
			delete(l.standing, id)
		}
	}
}

// Trouble logs that something went wrong, unless the same message was logged
// less than Interval ago.
func (l *Log) Trouble(ctx context.Context, message string, err error) {
	l.mu.Lock()
	q := l.trouble[message]
	if q == nil {
		q = new(quiet)
		l.trouble[message] = q
	}
	now := time.Now()
	if now.Before(q.until) {
		q.suppressed++
		l.mu.Unlock()
		return
	}
	suppressed := q.suppressed
	q.until, q.suppressed = now.Add(Interval), 0
	l.mu.Unlock()

	attrs := []slog.Attr{slog.String(keyError, explain.Printable(err.Error()))}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int(keySuppressed, suppressed))
	}
	l.log.LogAttrs(ctx, slog.LevelWarn, message, attrs...)
}
