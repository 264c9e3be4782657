package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/waitgraph/waitgraph/detector/alertsink"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/minibroker"
	"github.com/waitgraph/waitgraph/internal/monitoring"
	"github.com/waitgraph/waitgraph/services/compute"
)

// What is played: ordinary questions, and now and then the one that deadlocks.
const (
	callers = 4
	each    = 300 * time.Millisecond
	cyclic  = 22 * time.Second
)

// example runs the example system, watched and scraped, and draws what was seen,
// in the middle of a deadlock.
func example(ctx context.Context, s settings) (err error) {
	folder, err := os.MkdirTemp("", "waitgraph-pictures")
	if err != nil {
		return fmt.Errorf("run example: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := minibroker.New()
	defer func() { err = errors.Join(err, b.Close()) }()
	broker := monitoring.Broker{URL: "amqp://guest:guest@embedded/", Dial: b.Dial}
	webhook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer webhook.Close()

	ctx, stop := context.WithCancel(ctx)
	waits := []func() error{monitoring.Example(ctx, broker)}
	defer func() {
		stop()
		for _, wait := range waits {
			err = errors.Join(err, wait())
		}
	}()
	address, wait, err := monitoring.Detector(ctx, sidecar.Config{
		URL: broker.URL, Dial: broker.Dial, Alerts: alertsink.Config{Webhooks: alertsink.Receivers{URLs: []string{webhook.URL}}},
	})
	if err != nil {
		return err
	}
	waits = append(waits, wait)
	p, err := monitoring.Prometheus(folder, monitoring.Scrape{Target: address, Interval: time.Second, Exemplars: true})
	if err != nil {
		return err
	}
	defer p.Stop()
	ended := make(chan error, 1)
	go func() {
		ended <- compute.RunLoad(ctx, compute.LoadConfig{URL: broker.URL, Dial: broker.Dial, Callers: callers, Pause: each, Cyclic: cyclic})
	}()
	waits = append(waits, func() error { return <-ended })

	fmt.Printf("Prometheus is at %s, the detector at %s; drawing in %v\n", p.URL, address, s.lasts)
	if err := pause(ctx, s.lasts); err != nil {
		return err
	}
	if err := awaitDeadlock(ctx, p); err != nil {
		return err
	}
	s.instance = address
	return draw(ctx, p, s)
}

// awaitDeadlock waits until the flows show one.
func awaitDeadlock(ctx context.Context, p *monitoring.Server) error {
	for {
		stuck, err := p.Query(ctx, `sum(waitgraph_service_deadlocked_waits) > 0`)
		if err != nil {
			return err
		}
		if err := pause(ctx, time.Second); err != nil || len(stuck) > 0 {
			return err
		}
	}
}
