package compute_test

import (
	"errors"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// An answer that comes when everybody has given up hurts nobody.
func TestLateAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.run(compute.Config{Service: compute.B, Replica: 1, IDs: []int64{1, 2}, Work: func(id int64) time.Duration {
			if id == 2 {
				return timeout + timeout/4
			}
			return 0
		}})
		s.await(compute.B.Consumer(1), "server_b:1", "server_b:2")
		if _, err := s.caller.Ask(t.Context(), compute.B, 2); !errors.Is(err, amqprpc.ErrTimeout) {
			t.Fatalf("compute(2): error %v, want %v", err, amqprpc.ErrTimeout)
		}
		for end := time.Now().Add(timeout / 2); time.Now().Before(end); time.Sleep(timeout / 20) {
			s.want(compute.B, 1, 1) // before, while and after the late answer comes
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.crashes) != 1 || s.crashes[0] != "caller" {
			t.Errorf("crashed: %v, want the caller alone", s.crashes)
		}
	})
}

// When every connection is cut, everybody comes back by himself.
func TestConnectionsLost(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		network := brokertest.NewNetwork(b.Dial)
		b.Dial = network.Dial
		s := newSystem(t, b)
		s.pair(1)
		s.want(compute.A, 1, 1_000_001)
		network.Drop()
		s.until("not every process took its queue again", func() bool {
			return s.alive["server_a:1"] == 2 && s.alive["server_b:1"] == 2 &&
				s.alive[compute.A.Consumer(1)] == 2 && s.alive[compute.A.Consumer(2)] == 2 &&
				s.alive[compute.B.Consumer(1)] == 2 && s.alive[compute.B.Consumer(2)] == 2
		})
		s.want(compute.A, 1, 1_000_001)
	})
}

func TestInvalidConfig(t *testing.T) {
	for name, cfg := range map[string]compute.Config{
		"no service":        {Replica: 1},
		"no replica":        {Service: compute.A},
		"ID out of range":   {Service: compute.A, Replica: 1, IDs: []int64{61}},
		"negative timeout":  {Service: compute.A, Replica: 1, Timeout: -1},
		"negative patience": {Service: compute.A, Replica: 1, Patience: -1},
		"no URL":            {Service: compute.A, Replica: 1},
	} {
		for _, run := range []func() error{
			func() error { return compute.Run(t.Context(), cfg) },
			func() error { return compute.RunWatched(t.Context(), cfg) },
		} {
			if err := run(); err == nil {
				t.Errorf("%s: accepted", name)
			}
		}
	}
}

// A broker that is not there ends the patience of a replica, not before.
func TestPatience(t *testing.T) {
	cfg := compute.Config{Service: compute.A, Replica: 1, URL: "amqp://guest:secret@127.0.0.1:1/", Patience: 100 * time.Millisecond}
	began := time.Now()
	if err := compute.Run(t.Context(), cfg); err == nil || time.Since(began) < cfg.Patience {
		t.Errorf("Run = %v after %v", err, time.Since(began))
	}
}
