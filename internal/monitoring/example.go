package monitoring

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/services/compute"
)

// Broker says how to reach one.
type Broker struct {
	URL  string
	Dial func(network, addr string) (net.Conn, error) // nil: TCP
}

// Example runs two replicas of ServiceA and ServiceB until ctx ends. It returns
// when all of their processes are there, with a function that waits until they
// are gone.
func Example(ctx context.Context, b Broker) (wait func() error) {
	var started sync.WaitGroup
	replicas, ctx := errgroup.WithContext(ctx)
	for _, service := range []compute.Service{compute.A, compute.B} {
		for replica, id := range map[int]int64{1: 1, 2: 42} {
			consumer, server := sync.OnceFunc(started.Done), sync.OnceFunc(started.Done)
			started.Add(2)
			note := func(process string) {
				if process == service.Consumer(replica) {
					consumer()
				} else {
					server()
				}
			}
			replicas.Go(func() error {
				return compute.RunWatched(ctx, compute.Config{
					Service: service, Replica: replica, URL: b.URL, Dial: b.Dial, IDs: []int64{id}, Hooks: compute.Hooks{Started: note},
				})
			})
		}
	}
	started.Wait()
	return replicas.Wait
}

// Detector runs one until ctx ends, on a port of its own unless cfg names one. It returns where its HTTP API is, and a
// function that waits until it is gone.
func Detector(ctx context.Context, cfg sidecar.Config) (address string, wait func() error, err error) {
	listening, ended := make(chan string, 1), make(chan error, 1)
	cfg.Listen = cmp.Or(cfg.Listen, "127.0.0.1:0")
	cfg.Listening = func(a net.Addr) { listening <- a.String() }
	go func() { ended <- sidecar.Run(ctx, cfg) }()
	wait = func() error { return <-ended }
	select {
	case address = <-listening:
		return address, wait, nil
	case err := <-ended:
		return "", nil, fmt.Errorf("start detector: %w", err)
	}
}
