// Package load puts load on something from all nodes of a cluster, with a bounded
// number of requests in flight, and sums up what came of it.
//
//	Run ──▶ in flight: ▇▇▇▇▇▇▇▇ ──▶ Spread ──▶ n1, n2, n3, n1, … ──▶ the nodes' operation
//	 │
//	 └──▶ Summary: total, succeeded, failed; average, longest, shortest
//
// A task that panics is one failure, wherever it does.
package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/services/cluster"
)

// Task is one request. Its number counts from 0.
type Task func(ctx context.Context, number int) error

// Config says how much to do.
type Config struct {
	Requests int
	InFlight int // at most at a time
	// Progress is told after each request how many are done. It is not called
	// concurrently. Nil: nobody is told.
	Progress func(done, total int)
}

// Validate reports what Run would refuse.
func (cfg Config) Validate() error {
	if cfg.Requests < 1 || cfg.InFlight < 1 {
		return fmt.Errorf("%w: %d requests, %d in flight", cluster.ErrInvalid, cfg.Requests, cfg.InFlight)
	}
	return nil
}

// Summary is what came of a run. The times are those of the requests that
// succeeded.
type Summary struct {
	Total, Succeeded, Failed   int
	Average, Longest, Shortest time.Duration
	Took                       time.Duration
	Errors                     map[string]int // how often each failure occurred, by its text; the first few
}

// maxErrors bounds the different failures that are told apart.
const maxErrors = 8

// Run carries out all requests and sums up. If ctx ends, requests that have not
// begun are left out, and the error is its cause.
func Run(ctx context.Context, cfg Config, task Task) (Summary, error) {
	if err := cfg.Validate(); err != nil {
		return Summary{}, err
	}
	r := run{cfg: cfg, sum: Summary{Errors: make(map[string]int)}}
	numbers := make(chan int)
	var workers sync.WaitGroup
	began := time.Now()
	for range min(cfg.InFlight, cfg.Requests) {
		workers.Go(func() {
			for number := range numbers {
				r.carryOut(ctx, task, number)
			}
		})
	}
	err := hand(ctx, numbers, cfg.Requests)
	close(numbers)
	workers.Wait()
	r.sum.Took = time.Since(began)
	if r.sum.Succeeded > 0 {
		r.sum.Average = r.spent / time.Duration(r.sum.Succeeded)
	}
	return r.sum, err
}

// hand hands out the numbers of the requests.
func hand(ctx context.Context, numbers chan<- int, n int) error {
	for number := range n {
		select {
		case numbers <- number:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// run is one Run under way.
type run struct {
	cfg Config

	mu    sync.Mutex
	sum   Summary
	spent time.Duration // by the requests that succeeded
}

func (r *run) carryOut(ctx context.Context, task Task, number int) {
	began := time.Now()
	err := guarded(ctx, task, number)
	took := time.Since(began)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.sum
	s.Total++
	if err != nil {
		s.Failed++
		s.note(err)
	} else {
		s.Succeeded++
		r.spent += took
		s.Longest = max(s.Longest, took)
		if s.Shortest == 0 || took < s.Shortest {
			s.Shortest = took
		}
	}
	if r.cfg.Progress != nil {
		r.cfg.Progress(s.Total, r.cfg.Requests)
	}
}

func (s *Summary) note(err error) {
	text := err.Error()
	if _, known := s.Errors[text]; !known && len(s.Errors) >= maxErrors {
		text = "others"
	}
	s.Errors[text]++
}

// guarded runs a task and makes a panic an error.
func guarded(ctx context.Context, task Task, number int) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", cluster.ErrPanic, v)
		}
	}()
	return task(ctx, number)
}

// String returns the summary for people, in a few lines.
func (s Summary) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "total      %d\nsucceeded  %d\nfailed     %d\naverage    %v\nlongest    %v\nshortest   %v\ntook       %v\n",
		s.Total, s.Succeeded, s.Failed, short(s.Average), short(s.Longest), short(s.Shortest), short(s.Took))
	texts := make([]string, 0, len(s.Errors))
	for text, n := range s.Errors {
		texts = append(texts, fmt.Sprintf("%6d  %s\n", n, text))
	}
	slices.Sort(texts)
	return b.String() + strings.Join(texts, "")
}

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// Spread returns a task that asks nodes for an operation, in turn.
func Spread(from *cluster.Node, nodes []string, op string, body []byte) (Task, error) {
	if len(nodes) == 0 {
		return nil, errors.New("spread load: no nodes")
	}
	return func(ctx context.Context, number int) error {
		_, err := from.Call(ctx, nodes[number%len(nodes)], op, body)
		return err
	}, nil
}
