package sidecar

import (
	"context"
	"log/slog"
	"sync"
)

// lineHandler closes seen at the first line with a message.
type lineHandler struct {
	slog.Handler
	message string
	once    *sync.Once
	seen    chan<- struct{}
}

func (h lineHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		h.once.Do(func() { close(h.seen) })
	}
	return nil
}

// onConnect returns a log that closes seen once reports are being received.
func onConnect(seen chan<- struct{}) *slog.Logger {
	return slog.New(lineHandler{slog.DiscardHandler, "receiving reports", new(sync.Once), seen})
}
