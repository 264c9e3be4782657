package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
)

type readyCommand struct {
	URL     string        `arg:"" optional:"" default:"http://${listen}/readyz" help:"Where the detector says whether it sees everything (default: ${default})."`
	Timeout time.Duration `default:"2s" help:"How long to wait for the answer (default: ${default})."`
}

// errNotReady says that the detector does not see everything, and why not.
var errNotReady = errors.New("not ready")

// Run asks once. It is for health checks in images that have no shell.
func (r *readyCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	const enough = 1 << 10
	body, err := io.ReadAll(io.LimitReader(resp.Body, enough))
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	answer := explain.Printable(strings.TrimSpace(string(body)))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: %s", errNotReady, answer)
	}
	fmt.Println(answer)
	return nil
}
