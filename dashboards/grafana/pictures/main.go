// Pictures draws each dashboard as it would look, from the queries of its
// panels: of the example system, which it runs and lets deadlock for a while, or
// of whatever a Prometheus has seen.
//
//	go run ./dashboards/grafana/pictures docs/images
//	go run ./dashboards/grafana/pictures --prometheus=http://localhost:9090 --instance=localhost:8055 FOLDER
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/dashboards/grafana/picture"
	"github.com/waitgraph/waitgraph/internal/monitoring"
)

type settings struct {
	prometheus, instance string
	lasts                time.Duration
	folder               string
}

func main() {
	var s settings
	flag.StringVar(&s.prometheus, "prometheus", "", "URL of a Prometheus; without one the example system is run and scraped")
	flag.StringVar(&s.instance, "instance", "", "the detector, by the address at which that Prometheus scrapes it")
	flag.DurationVar(&s.lasts, "for", 5*time.Minute, "the range of time to draw")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	s.folder = flag.Arg(0)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal kills
	if err := run(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to stop
	}
}

func run(ctx context.Context, s settings) error {
	if s.prometheus != "" {
		return draw(ctx, &monitoring.Server{URL: s.prometheus}, s)
	}
	return example(ctx, s)
}

// draw draws all dashboards.
func draw(ctx context.Context, p *monitoring.Server, s settings) error {
	to := time.Now()
	for name, d := range grafana.All() {
		var b strings.Builder
		board := picture.Board{Dashboard: d, Instance: s.instance, From: to.Add(-s.lasts), To: to}
		if err := board.Draw(ctx, &b, p); err != nil {
			return err
		}
		file := filepath.Join(s.folder, "grafana-"+strings.TrimSuffix(name, ".json")+".svg")
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil { //nolint:gosec // for all to read
			return fmt.Errorf("write picture: %w", err)
		}
		fmt.Println(file)
	}
	return nil
}

var errInterrupted = errors.New("interrupted")

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errInterrupted
	}
}
