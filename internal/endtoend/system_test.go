package endtoend_test

import (
	"context"
	"crypto/rand"
	"flag"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/minibroker"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "8") // on RabbitMQ, most of the time is spent waiting
	goleak.VerifyTestMain(m)
}

// everywhere runs a test on the embedded broker in virtual time, and on
// RabbitMQ in real time.
func everywhere(t *testing.T, test func(t *testing.T, s *system)) {
	t.Helper()
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			broker := minibroker.New()
			t.Cleanup(func() { _ = broker.Close() })
			s := newSystem(t, "amqp://guest:guest@embedded/", broker.Dial)
			s.virtual, s.drop = true, broker.DropConnections
			s.watch()
			test(t, s)
		})
	})
	t.Run("rabbitmq", func(t *testing.T) {
		t.Parallel()
		url := os.Getenv("AMQP_URL")
		if url == "" {
			t.Skip("AMQP_URL is not set")
		}
		s := newSystem(t, url, new(net.Dialer).Dial)
		s.watch()
		test(t, s)
	})
}

// system is some OS processes with services, and at most one detector that
// watches them.
type system struct {
	testing.TB
	url     string
	dial    func(network, addr string) (net.Conn, error)
	drop    func()          // cuts all connections
	virtual bool            // time is
	suffix  string          // makes the names of queues unique
	ctx     context.Context //nolint:containedctx // the life of the test

	sight     *brokertest.Network // the detector's connections
	blind     func()
	announced chan announcement
	heard     []announcement // by hear, so far

	mu    sync.Mutex
	nodes []*node
}

// announcement is what the detector said, and when it reached us.
type announcement struct {
	detector.Announce
	at time.Time
}

func newSystem(tb testing.TB, url string, dial func(network, addr string) (net.Conn, error)) *system {
	ctx, cancel := context.WithCancel(context.Background())
	s := &system{
		TB: tb, url: url, dial: dial, ctx: ctx, suffix: "." + rand.Text()[:8],
		announced: make(chan announcement, 10_000), blind: func() {},
	}
	s.drop = s.dropLines
	tb.Cleanup(func() {
		cancel()
		for _, n := range s.all() {
			n.stop()
		}
		s.blind()
	})
	return s
}

// watch starts a detector in place of the one that runs, if one does.
func (s *system) watch() {
	s.blind()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	s.sight = brokertest.NewNetwork(s.dial)
	cfg := sidecar.Config{URL: s.url, Dial: s.sight.Dial, OnVerdict: func(a detector.Announce) {
		select {
		case s.announced <- announcement{a, time.Now()}:
		default:
		}
	}}
	running.Go(func() {
		if err := sidecar.Run(ctx, cfg); err != nil {
			s.Errorf("sidecar: %v", err)
		}
	})
	s.blind = func() {
		cancel()
		running.Wait()
	}
}

// kill ends the detector without a word.
func (s *system) kill() {
	s.sight.Cut()
	s.blind()
}

// dropLines cuts the connections of all parts. They may connect again.
func (s *system) dropLines() {
	s.sight.Drop()
	for _, n := range s.all() {
		n.line.Drop()
		n.reports.Drop()
	}
}

func (s *system) all() []*node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*node(nil), s.nodes...)
}

// times is how often something runs that is to run n times in virtual time.
func (s *system) times(n int) int {
	if s.virtual {
		return n
	}
	return 1
}

// acquaint gives the first heartbeats the time to tell who consumes what.
func (s *system) acquaint() { time.Sleep(time.Second) }

// patience is how long a verdict may take to come, also from an agent that connects
// anew: it tries again after 6 s at most.
const patience = 10 * time.Second

// hear returns the next announcement about a process of this system: others
// may use the same RabbitMQ. ok is false if there is none until the deadline.
func (s *system) hear(deadline <-chan time.Time) (a announcement, ok bool) {
	for {
		select {
		case a = <-s.announced:
			if s.ours(&a.Verdict) {
				s.heard = append(s.heard, a)
				return a, true
			}
		case <-deadline:
			return a, false
		}
	}
}

func (s *system) ours(v *detector.Verdict) bool {
	for _, n := range s.all() {
		for i := range v.Core {
			if v.Core[i].Key.Agent == n.agent.ID() {
				return true
			}
		}
	}
	return false
}

// await waits for the next announcement of a status that is no repetition.
func (s *system) await(status detector.Status) announcement {
	s.Helper()
	return s.awaitThat("was "+string(status), func(a *announcement) bool { return a.Verdict.Status == status && !a.Again })
}

func (s *system) awaitThat(what string, is func(a *announcement) bool) announcement {
	s.Helper()
	deadline := time.After(patience)
	var last detector.Verdict
	for {
		a, ok := s.hear(deadline)
		switch {
		case !ok:
			s.Fatalf("no verdict %s; the last one: %s, of %d processes: %s%s", what, last.Status, len(last.Core), last.Reason, last.Cause)
		case is(&a):
			return a
		}
		last = a.Verdict
	}
}

// silence fails the test if the detector says anything within d.
func (s *system) silence(d time.Duration) {
	s.Helper()
	if a, ok := s.hear(time.After(d)); ok {
		s.Errorf("%s: %v; want silence", a.Verdict.Status, names(a.Verdict.Core))
	}
}

// unconfirmed fails the test if the detector confirms anything within d.
func (s *system) unconfirmed(d time.Duration) {
	s.Helper()
	deadline := time.After(d)
	for {
		a, ok := s.hear(deadline)
		if !ok {
			return
		}
		if a.Verdict.Status == detector.Confirmed {
			s.Errorf("confirmed: %v; nothing is", names(a.Verdict.Core))
		}
	}
}

// names returns the names of processes, sorted.
func names(members []detector.Member) []string {
	all := make([]string, 0, len(members))
	for i := range members {
		all = append(all, members[i].Key.Process)
	}
	return sorted(all)
}
