package compute_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/compute"
)

// A name is taken once in the cluster: the second replica stands by, and takes
// over when the first is gone.
func TestNameConflictAndTakeover(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		stop := s.run(compute.Config{Service: compute.B, Replica: 1, IDs: []int64{7}})
		s.await("server_b:7")
		s.run(compute.Config{Service: compute.B, Replica: 2, IDs: []int64{7, 8}})
		s.await("server_b:8")
		time.Sleep(1500 * time.Millisecond) // more than one attempt
		if n := s.lives("server_b:7"); n != 1 {
			t.Fatalf("server_b:7 was started %d times while it lived", n)
		}
		stop()
		s.until("nobody took server_b:7 over", func() bool { return s.alive["server_b:7"] == 2 })
		s.want(compute.B, 7, 7)
	})
}

// Two replicas that toss for every ID host each exactly once, and one that is
// left hosts all.
func TestRandomPlacement(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		stop := s.run(compute.Config{Service: compute.B, Replica: 1})
		s.run(compute.Config{Service: compute.B, Replica: 2})
		s.until("not every ID was taken", func() bool { return s.hosted(1) })
		time.Sleep(2500 * time.Millisecond) // everybody has tried for every ID
		for id := int64(1); id <= compute.MaxID; id++ {
			if n := s.lives(compute.B.Server(id)); n != 1 {
				t.Errorf("%s was started %d times", compute.B.Server(id), n)
			}
		}
		stop()
		for id := int64(1); id < 42; id++ {
			s.takenOver(id)
			s.want(compute.B, id, id)
		}
	})
}

// takenOver waits until an ID of ServiceB is available.
func (s *system) takenOver(id int64) {
	s.t.Helper()
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if _, err := s.caller.Ask(s.t.Context(), compute.B, id); !errors.Is(err, compute.ErrUnavailable) {
			return
		}
	}
	s.t.Fatalf("nobody took over %s", compute.B.Server(id))
}

// lives returns how often the process took its queue.
func (s *system) lives(process string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive[process]
}

// hosted reports whether every ID of ServiceB was taken n times. The lock must
// be held.
func (s *system) hosted(n int) bool {
	for id := int64(1); id <= compute.MaxID; id++ {
		if s.alive[compute.B.Server(id)] < n {
			return false
		}
	}
	return true
}

// A request without reply-to is computed and answered to nobody, and one that
// is no request at all hurts nobody.
func TestNobodyToAnswer(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.pair(1)
		var before int
		s.note(func() { before = handOvers(s.calls, "server_b:1") })
		publish(t, b, compute.B.Queue(), []byte{0x08, 0x01}) // Int64Value{1}
		publish(t, b, compute.B.Queue(), []byte("not protobuf"))
		s.until("the request was not handed over", func() bool { return handOvers(s.calls, "server_b:1") == before+1 })
		for range 4 { // both consumers are well
			s.want(compute.B, 1, 1)
		}
	})
}

// publish sends a message that nobody waits for, past all our own code.
func publish(t *testing.T, b brokertest.Broker, queue string, body []byte) {
	t.Helper()
	conn, err := amqp.DialConfig(b.URL, amqp.Config{Dial: b.Dial})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatalf("open channel: %v", err)
	}
	if err := ch.PublishWithContext(t.Context(), "", queue, true, false, amqp.Publishing{Body: body}); err != nil {
		t.Fatalf("publish: %v", err)
	}
}

// While both consumers of A are blocked by the deadlock, a healthy request
// waits behind them, and is answered when they have given up.
func TestHealthyRequestWaitsBehindTheDeadlock(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.pair(1, 42)
		other := compute.NewCaller(s.conn, compute.CallerConfig{Name: "other", Timeout: 3 * timeout})
		t.Cleanup(background(other.Run))

		var g sync.WaitGroup
		g.Go(func() { _, _ = s.caller.Ask(t.Context(), compute.A, 42) })
		s.until("A was not asked back", func() bool { return handOvers(s.calls, "server_a:42") == 2 })
		began := time.Now()
		got, err := other.Ask(t.Context(), compute.A, 1)
		if took := time.Since(began); got != 1_000_001 || err != nil || took < timeout/2 {
			t.Errorf("compute(1) behind the deadlock = %d, %v after %v", got, err, took)
		}
		g.Wait()
	})
}
