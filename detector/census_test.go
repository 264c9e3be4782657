package detector_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// reported returns an event: a process of a service of its own that waits for
// one resource and holds others.
func reported(service string, process int, now time.Time, waits report.Resource, holds ...report.Resource) detector.Event {
	a := report.Agent{Name: service, Incarnation: 1}
	s := report.State{
		Key: report.Key{Agent: a, Process: fmt.Sprintf("%s:%d", service, process), Activation: 1}, Epoch: 1, Seq: 1, Need: 1,
		Waits: []report.Wait{{Resource: waits, Kind: report.Permit, Since: now}},
	}
	for _, h := range holds {
		s.Holds = append(s.Holds, report.Hold{Resource: h, Kind: report.Permit})
	}
	return detector.Reported{Batch: &report.Batch{Agent: a, Service: service, States: []report.State{s}}}
}

// TestFlowsAreBounded has more services than can be told apart.
func TestFlowsAreBounded(t *testing.T) {
	const services = 300
	d, now := detector.New(detector.DefaultConfig()), epochStart
	for i := range services {
		d.Step(now, reported(fmt.Sprintf("s%d", i), 1, now, "permit"))
	}
	for range 20 {
		now = now.Add(20 * time.Millisecond)
		d.Tick(now)
	}
	flows := d.Stats().Flows
	waits, other := 0, 0
	for _, f := range flows {
		waits += f.Waits
		if f.Waiter == detector.OtherServices {
			other += f.Waits
		}
	}
	if len(flows) != 200 || waits != services || other != services-194 {
		t.Errorf("%d flows with %d waits, %d of them of other services", len(flows), waits, other)
	}
}

// TestFlowsOfALargeGraph is counted over several ticks, each of which looks at
// a part: no wait twice, and none not at all.
func TestFlowsOfALargeGraph(t *testing.T) {
	const waits = 20_000
	d, now := detector.New(detector.DefaultConfig()), epochStart
	d.Tick(now)
	d.Step(now, reported("x", 1, now, "elsewhere", "permit"))
	d.Step(now, reported("y", 1, now, "elsewhere", "permit"))
	for i := range waits {
		d.Step(now, reported("s", i, now, "permit"))
	}
	now = now.Add(time.Second)
	ticks := 0
	for ; d.Stats().Flows[len(d.Stats().Flows)-1].Waits == 0 && ticks < 100; ticks++ {
		d.Tick(now)
	}
	want := detector.Flow{
		Waiter: "s", Holder: detector.SeveralServices, Kind: report.Permit,
		Waits: waits, Waited: waits,
	}
	if flows := d.Stats().Flows; flows[len(flows)-1] != want {
		t.Errorf("%+v, not %+v", flows[len(flows)-1], want)
	}
	if ticks < 3 {
		t.Errorf("counted in %d ticks", ticks)
	}
}
