package detector

import (
	"strconv"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// What call chains said, and what agents consumed, is forgotten when it is of no use
// any more, however far off the deadlines.
func TestWhatIsOverTakesNoRoom(t *testing.T) {
	const times = 20_000
	d, now := New(DefaultConfig()), time.Unix(1e9, 0)
	a, caller := report.Agent{Name: "a", Incarnation: 1}, report.Agent{Name: "caller", Incarnation: 1}
	server := report.Key{Agent: a, Process: "server", Activation: 1}
	for i := range uint64(times) {
		now = now.Add(time.Second)
		request := report.Resource(strconv.FormatUint(i, 10))
		client := report.Key{Agent: caller, Process: "client", Activation: i + 1}
		d.Step(now, Reported{Batch: &report.Batch{
			Agent: a,
			States: []report.State{{
				Key: server, Epoch: i + 1, Seq: i + 1, Need: 1,
				Waits: []report.Wait{{Resource: "elsewhere", Kind: report.Reply}},
				Holds: []report.Hold{{
					Resource: request, Kind: report.Reply,
					Chain: []report.Hop{{Key: client, Epoch: 1, Reply: request, Deadline: now.Add(1000 * time.Hour)}},
				}},
			}},
			Heartbeat: &report.Heartbeat{Seq: i + 1, Members: []report.Member{{Key: server, Queue: "q" + string(request)}}},
		}})
		d.Tick(now)
	}
	if n := d.expiries.Len(); n > 2048 {
		t.Errorf("%d deadlines of hints, of which one stands", n)
	}
	if n := len(d.agents[a].consumed); n > 200 {
		t.Errorf("%d queues that an agent consumed, of which it consumes one", n)
	}
	if len(d.nodes) > 100 || len(d.resources) > 100 || len(d.queues) > 100 {
		t.Errorf("%d nodes, %d resources, %d queues", len(d.nodes), len(d.resources), len(d.queues))
	}
}

// An addition for a process of which nothing is known, as it comes when the report
// before it was lost, leaves nothing behind: neither the process nor its agent.
func TestStrayAdditionsTakeNoRoom(t *testing.T) {
	d, now := New(DefaultConfig()), time.Unix(1e9, 0)
	for i := range 100 {
		a := report.Agent{Name: strconv.Itoa(i), Incarnation: 1}
		d.Step(now, Reported{Batch: &report.Batch{Agent: a, States: []report.State{{
			Key: report.Key{Agent: a, Process: "server", Activation: 1}, Epoch: 1, Seq: 2, Addition: true,
			Holds: []report.Hold{{Resource: "request", Kind: report.Reply}},
		}}}})
	}
	if len(d.nodes) > 0 {
		t.Errorf("%d nodes", len(d.nodes))
	}
	for range 3 {
		now = now.Add(graveTime)
		d.Tick(now)
	}
	if len(d.agents) > 0 {
		t.Errorf("%d agents", len(d.agents))
	}
}

// Whoever has put nothing in doubt is trusted without a look at the resources.
func TestTrustOfWhoIsNotDoubted(t *testing.T) {
	d := New(DefaultConfig())
	d.resources["not to be looked at"] = nil
	d.trust(d.agent(report.Agent{Name: "a", Incarnation: 1}))
}

// What many wait over a long time is more than a time.Duration holds.
func TestLongFlows(t *testing.T) {
	c := newCensus()
	c.flows[0].Waits, c.flows[0].Deadlocked = 1_000_000, 500_000
	c.publish(24 * time.Hour)
	if f := c.shown[0]; f.Waited != 86_400e6 || f.Stuck != 43_200e6 {
		t.Errorf("waited %g s, stuck %g s", f.Waited, f.Stuck)
	}
}
