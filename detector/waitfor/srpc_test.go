package waitfor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// The model of DDMon (Rowicki, Francalanza, Scalas, Correct Black-Box Monitors
// for Distributed Deadlock Detection, OOPSLA 2025): single-threaded RPC (SRPC). A
// service works on one query at a time, has one call of its own outstanding at
// most and is locked until the response; queries that come meanwhile are queued.
// Monitors send probes backwards: a locked service that a query reaches sends its
// probe to the sender, a locked service that a probe reaches passes it on to all
// who wait for it, and one whose own probe comes back in the same lock reports a
// deadlock.

// srpc is a system of services with their monitors. Messages arrive in any order.
type srpc struct {
	rng      *rand.Rand
	services []srpcService
	network  []func()
}

type srpcService struct {
	lock    int   // counts its calls
	callee  int   // -1: not locked
	waiting []int // whose queries it has, the one that it works on first
	working bool
	report  bool // its probe came back
}

func newSRPC(rng *rand.Rand) *srpc {
	s := &srpc{rng: rng, services: make([]srpcService, 2+rng.IntN(7))}
	for i := range s.services {
		s.services[i].callee = -1
	}
	return s
}

// step delivers a message or lets a service act that is not locked.
func (s *srpc) step() {
	if len(s.network) > 0 && s.rng.IntN(3) > 0 {
		s.deliver()
		return
	}
	i := s.rng.IntN(len(s.services))
	p := &s.services[i]
	switch {
	case p.callee >= 0:
	case !p.working && len(p.waiting) > 0:
		p.working = true
	case p.working && s.rng.IntN(2) == 0:
		client := p.waiting[0]
		p.waiting, p.working = p.waiting[1:], false
		s.network = append(s.network, func() { s.services[client].callee = -1 })
	case p.working || s.rng.IntN(4) == 0:
		p.callee = s.rng.IntN(len(s.services))
		p.lock++
		s.network = append(s.network, func() { s.query(i, s.services[i].callee) })
	}
}

func (s *srpc) deliver() {
	i := s.rng.IntN(len(s.network))
	message := s.network[i]
	s.network = slices.Delete(s.network, i, i+1)
	message()
}

func (s *srpc) query(from, to int) {
	p := &s.services[to]
	p.waiting = append(p.waiting, from)
	if p.callee >= 0 {
		lock := p.lock
		s.network = append(s.network, func() { s.probe(to, lock, from) })
	}
}

// probe brings a service the probe of origin's lock.
func (s *srpc) probe(origin, lock, to int) {
	p := &s.services[to]
	switch {
	case p.callee < 0:
	case origin == to:
		p.report = p.report || p.lock == lock
	default:
		for _, client := range p.waiting {
			s.network = append(s.network, func() { s.probe(origin, lock, client) })
		}
	}
}

// graph is the system as agents would report it.
func (s *srpc) graph() *world {
	w := newWorld()
	for i, p := range s.services {
		if p.callee >= 0 {
			must(w.do(command{verb: "block", process: fmt.Sprint("P", i), resources: []string{fmt.Sprint("r", i)}}))
		}
		for _, client := range p.waiting {
			must(w.do(command{verb: "hold", process: fmt.Sprint("P", i), resources: []string{fmt.Sprint("r", client)}}))
		}
	}
	return w
}

// In the SRPC model the criterion of the backward probes is ours: whoever reports
// is in a core, every core has one who reports, and the deadlocked are those who
// wait for one who reports, however far behind.
func TestSRPCProbeReturnsFromCycle(t *testing.T) {
	deadlocks := 0
	for seed := range uint64(systemsPerTheorem) {
		s := newSRPC(rand.New(rand.NewPCG(seed, 11)))
		for range 20 + s.rng.IntN(200) {
			s.step()
		}
		for len(s.network) > 0 {
			s.deliver()
		}
		w := s.graph()
		reported, behind := set{}, make([]bool, len(s.services))
		for i, p := range s.services {
			if p.report {
				reported[fmt.Sprint("P", i)] = true
				s.tell(i, behind)
			}
		}
		for _, core := range w.oracle.coresByDefinition() {
			deadlocks++
			found := false
			for p := range core {
				found = found || reported[p]
				delete(reported, p)
			}
			if !found {
				t.Fatalf("seed %d: nobody reports %s\n\n%s", seed, core, w.Trace())
			}
		}
		if len(reported) > 0 {
			t.Fatalf("seed %d: %s report and are in no core\n\n%s", seed, reported, w.Trace())
		}
		for i := range s.services {
			p, known := w.processes[fmt.Sprint("P", i)]
			if got := known && w.graph.Deadlocked(p); got != behind[i] {
				t.Fatalf("seed %d: P%d deadlocked %v, by the probes %v\n\n%s", seed, i, got, behind[i], w.Trace())
			}
		}
	}
	if deadlocks < systemsPerTheorem/4 {
		t.Fatalf("%d deadlocks are too few to show anything", deadlocks)
	}
}

// tell marks a service and all that wait for it.
func (s *srpc) tell(i int, told []bool) {
	for stack := []int{i}; len(stack) > 0; {
		if i = pop(&stack); !told[i] {
			told[i] = true
			stack = append(stack, s.services[i].waiting...)
		}
	}
}
