package cluster_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/services/cluster"
)

// takeover is within what time the next node serves, from the end of the one
// before: the broker has noticed a closed socket at once.
const takeover = time.Second

// provide makes a node provide a service until the test ends, or the returned
// function is called.
func (w *world) provide(h *host, s cluster.Service) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := h.Provide(ctx, s); !errors.Is(err, context.Canceled) && !errors.Is(err, cluster.ErrStopped) {
			w.Errorf("provide: %v", err)
		}
	})
	stop = func() {
		cancel()
		done.Wait()
	}
	w.Cleanup(stop)
	return stop
}

func service(nodes ...string) cluster.Service {
	return cluster.Service{Name: "s", Nodes: nodes, Handler: func(_ context.Context, body []byte) ([]byte, error) { return body, nil }}
}

// servedBy waits until a request at each of the nodes is served by the one
// named, within the time that a takeover may take.
func (w *world) servedBy(node string, at ...*host) {
	w.Helper()
	began := time.Now()
	for _, h := range at {
		for {
			answer, err := h.Request(w.Context(), "s", []byte("hello"))
			if err == nil && answer.Node == node && string(answer.Body) == "hello" {
				break
			}
			if time.Since(began) > takeover {
				w.Fatalf("%s has %v from %q, not %s: %v", h.Name(), answer, answer.Node, node, err)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func TestFailoverAndTakeover(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2", "n3")
		s := service("n2", "n1", "n3") // by priority
		var stops []func()
		for _, h := range hosts {
			stops = append(stops, w.provide(h, s))
		}
		w.servedBy("n2", hosts...)
		hosts[1].network.Cut()
		w.servedBy("n1", hosts[0], hosts[2])
		stops[0]()
		w.servedBy("n3", hosts[2])
		hosts[1].network.Mend()
		w.sees(hosts[2], "n1", "n2", "n3")
		w.servedBy("n2", hosts[1], hosts[2])
		_, err := hosts[0].Request(w.Context(), "s", nil)
		w.wants("not provided here any more", err, cluster.ErrNoService)
		hosts[1].Stop()
		w.servedBy("n3", hosts[2])
	})
}

// A request that was being served when its node died is served by the next.
func TestFailoverLosesNoRequest(t *testing.T) {
	everywhere(t, func(w *world) {
		hosts := w.nodes("n1", "n2")
		s := service("n1", "n2")
		began := make(chan struct{}, 100)
		slow := s
		slow.Handler = func(ctx context.Context, _ []byte) ([]byte, error) {
			began <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		}
		w.provide(hosts[0], slow)
		takes := func(h *host) func() bool {
			return func() bool {
				ctx, cancel := context.WithTimeout(w.Context(), 20*time.Millisecond)
				defer cancel()
				_, err := h.Request(ctx, "s", nil)
				return len(began) > 0 && errors.Is(err, context.DeadlineExceeded)
			}
		}
		w.until("n1 serves", takes(hosts[0]))
		w.provide(hosts[1], s)
		w.until("n2 takes requests, for n1 to serve", takes(hosts[1]))
		var requests sync.WaitGroup
		var mu sync.Mutex
		redelivered := 0
		for range 10 {
			requests.Go(func() {
				answer, err := hosts[1].Request(w.Context(), "s", []byte("x"))
				if err != nil || answer.Node != "n2" {
					w.Errorf("answered by %q, %v", answer.Node, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if answer.Redelivered {
					redelivered++
				}
			})
		}
		time.Sleep(100 * time.Millisecond)
		hosts[0].network.Cut()
		requests.Wait()
		if redelivered == 0 {
			w.Error("no request was delivered again")
		}
	})
}

func TestServiceWaitsForItsNodes(t *testing.T) {
	everywhere(t, func(w *world) {
		s := service("n1", "n2", "n3")
		s.Mandatory, s.Optional, s.Patience = []string{"n2"}, []string{"n3"}, 300*time.Millisecond
		missing := func(h *host, mandatory, optional []string) {
			w.Helper()
			w.until("it says what is missing", func() bool {
				_, err := h.Request(w.Context(), "s", nil)
				m := new(cluster.MissingError)
				return errors.Is(err, cluster.ErrMissing) && errors.As(err, &m) &&
					slices.Equal(m.Mandatory, mandatory) && slices.Equal(m.Optional, optional)
			})
		}
		n1 := w.start(w.config("n1"))
		w.provide(n1, s)
		missing(n1, []string{"n2"}, []string{"n3"})
		time.Sleep(2 * s.Patience)
		missing(n1, []string{"n2"}, []string{"n3"}) // it never starts without a mandatory node
		n2 := w.start(w.config("n2"))
		w.servedBy("n1", n1)   // patience with n3 is over
		s.Patience = time.Hour // which n2 does not need for a service that has started
		w.provide(n2, s)
		w.servedBy("n1", n2)
	})
}

func TestServiceWaitsForOptionalNodesOnlySoLong(t *testing.T) {
	everywhere(t, func(w *world) {
		s := service("n1", "n2")
		s.Optional, s.Patience = []string{"n2"}, 300*time.Millisecond
		began := time.Now()
		n1 := w.start(w.config("n1"))
		w.provide(n1, s)
		w.until("it starts", func() bool {
			_, err := n1.Request(w.Context(), "s", nil)
			return err == nil
		})
		if took := time.Since(began); took < s.Patience {
			w.Errorf("it started after %v", took)
		}
	})
}

// Of five nodes on two brokers that do not know each other, those on the side
// of three serve and those on the side of two refuse.
func TestMinorityRefuses(t *testing.T) {
	everywhere(t, func(w *world) {
		other := *w
		other.cluster += "-apart" // nothing of one is seen by the other
		names := []string{"n1", "n2", "n3", "n4", "n5"}
		minority := other.nodes(names[:2]...)
		majority := w.nodes(names[2:]...)
		s := service(names...)
		s.Majority = true
		for _, h := range append(minority, majority...) {
			w.provide(h, s)
		}
		w.servedBy("n3", majority...)
		for _, h := range minority {
			w.until("the minority refuses", func() bool {
				_, err := h.Request(w.Context(), "s", nil)
				return errors.Is(err, cluster.ErrNoMajority)
			})
		}
		majority[0].network.Cut()
		for _, h := range majority {
			w.until("nobody is left to serve", func() bool {
				_, err := h.Request(w.Context(), "s", nil)
				return errors.Is(err, cluster.ErrNoMajority)
			})
		}
		majority[0].network.Mend()
		w.sees(majority[1], names[2:]...)
		w.servedBy("n3", majority...)
	})
}

func TestServiceRefusals(t *testing.T) {
	everywhere(t, func(w *world) {
		n1 := w.start(w.config("n1"))
		for what, change := range map[string]func(s *cluster.Service){
			"no handler":          func(s *cluster.Service) { s.Handler = nil },
			"not one of them":     func(s *cluster.Service) { s.Nodes = []string{"n2"} },
			"two priorities":      func(s *cluster.Service) { s.Nodes = []string{"n1", "n2", "n1"} },
			"an even majority":    func(s *cluster.Service) { s.Nodes, s.Majority = []string{"n1", "n2"}, true },
			"no name":             func(s *cluster.Service) { s.Name = "" },
			"a node without name": func(s *cluster.Service) { s.Mandatory = []string{""} },
			"negative patience":   func(s *cluster.Service) { s.Patience = -1 },
		} {
			s := service("n1")
			change(&s)
			w.wants(what, n1.Provide(w.Context(), s), cluster.ErrInvalid)
		}
		_, err := n1.Request(w.Context(), "s", nil)
		w.wants("unknown service", err, cluster.ErrNoService)
		s := service("n1")
		s.Handler = func(context.Context, []byte) ([]byte, error) { panic("on purpose") }
		w.provide(n1, s)
		w.until("it serves", func() bool {
			_, err = n1.Request(w.Context(), "s", nil)
			return !errors.Is(err, cluster.ErrNoService) && !errors.Is(err, cluster.ErrMissing)
		})
		w.wants("a handler that panics", err, cluster.ErrPanic)
		w.wants("provided twice", n1.Provide(w.Context(), s), cluster.ErrTaken)
	})
}
