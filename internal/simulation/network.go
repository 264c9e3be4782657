package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// network carries messages between hosts and the detector, which lives here.
type network struct {
	w        *world
	rough    bool
	cut      *host
	calm     time.Time       // since when
	found    func() observer // makes a detector
	detector observer
	life     int       // of the detector
	born     time.Time // the detector
	down     bool
	held     bool // the detector does nothing; what comes waits in backlog
	backlog  []detector.Event
}

// observer is what the world needs of a detector.
type observer interface {
	Step(now time.Time, e detector.Event) []detector.Effect
	Tick(now time.Time) []detector.Effect
	Snapshot() detector.Snapshot
	Verdicts() []detector.Verdict
}

var _ observer = (*detector.Detector)(nil)

func newDetector() observer { return detector.New(detector.DefaultConfig()) }

func (n *network) start() {
	n.calm = begin
	n.restart()
	if n.w.opt.Network.Turn > 0 {
		n.w.after(n.w.around(n.w.opt.Network.Turn), n.turn)
	}
}

// restart replaces the detector by one that knows nothing.
func (n *network) restart() {
	n.life++
	n.born = n.w.now
	n.detector = n.found()
	if n.w.script == nil {
		n.w.horizon = newHorizon(n.w)
	}
	n.disturb()
	life := n.life
	n.tick(life)
	if n.w.opt.Restart > 0 {
		n.w.after(n.w.around(n.w.opt.Restart), func() {
			if n.life == life {
				n.restart()
			}
		})
	}
}

// tick lets time pass for one life of the detector.
func (n *network) tick(life int) {
	if n.life != life {
		return
	}
	n.w.horizon.lapse()
	if !n.held {
		n.act(n.detector.Tick(n.w.now))
	}
	n.w.timer(20*time.Millisecond, func() { n.tick(life) })
}

func (n *network) turn() {
	n.rough, n.cut = !n.rough, nil
	if n.rough && n.w.chance(n.w.opt.Network.Partition) {
		n.cut = n.w.hosts[n.w.rng.IntN(len(n.w.hosts))]
	}
	n.disturb()
	n.w.after(n.w.around(n.w.opt.Network.Turn), n.turn)
}

// disturb notes that the network, a host or the detector is not what it was:
// the bound for misses runs anew.
func (n *network) disturb() { n.calm = n.w.now }

// calmSince returns since when nothing has been in the way of reports.
func (n *network) calmSince() time.Time {
	if n.rough {
		return n.w.now
	}
	return n.calm
}

// carry brings a message to or from a host, perhaps twice, perhaps never.
func (n *network) carry(h *host, deliver func()) {
	if h.cut {
		return
	}
	if !n.rough {
		n.w.after(n.w.around(n.w.opt.Network.Delay), deliver)
		return
	}
	if n.cut == h || n.w.chance(n.w.opt.Network.Drop) {
		return
	}
	if n.w.opt.Network.Late > 0 && n.w.chance(n.w.opt.Network.Late) {
		n.w.after(time.Second+n.w.around(500*time.Millisecond), func() {
			n.disturb()
			deliver()
		})
		return
	}
	n.w.after(n.w.around(n.w.opt.Network.Rough), deliver)
	if n.w.chance(n.w.opt.Network.Duplicate) {
		n.w.after(n.w.around(n.w.opt.Network.Rough), deliver)
	}
}

// toDetector brings a batch to the detector that lives when it arrives.
func (n *network) toDetector(h *host, b report.Batch) {
	n.carry(h, func() { n.receive(b) })
}

// receive brings the detector a batch.
func (n *network) receive(b report.Batch) {
	n.w.horizon.hear(&b)
	n.step(detector.Reported{Batch: &b})
}

// step gives the detector an event, once it is up.
func (n *network) step(e detector.Event) {
	switch {
	case n.down:
	case n.held:
		n.backlog = append(n.backlog, e)
	default:
		n.act(n.detector.Step(n.w.now, e))
	}
}

// act does what the detector wants done.
func (n *network) act(effects []detector.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case detector.Ask:
			n.ask(e)
		case detector.CountQueue:
			n.count(e)
		case detector.Announce:
			if n.w.script != nil {
				n.w.script.announced(&e)
			} else {
				n.w.announced(&e)
			}
		}
	}
}

func (n *network) ask(e detector.Ask) {
	life := n.life
	for _, h := range n.w.hosts {
		if h.agent() != e.Agent || !h.alive {
			continue
		}
		n.carry(h, func() {
			if h.alive && h.agent() == e.Agent {
				h.answer(e.Question, func() bool { return n.life == life })
			}
		})
		return
	}
	n.w.after(n.w.around(time.Millisecond), func() {
		if n.life == life {
			n.step(detector.Unreachable{Agent: e.Agent, Round: e.Question.Round})
		}
	})
}

func (n *network) count(e detector.CountQueue) {
	life := n.life
	i := slices.IndexFunc(n.w.queues, func(q *queue) bool { return q.name == e.Queue })
	if i < 0 {
		panic(fmt.Sprintf("seed %d: there is no queue %q", n.w.score.Seed, e.Queue))
	}
	q := n.w.queues[i]
	n.w.horizon.ask(q)
	n.w.after(n.w.around(200*time.Microsecond), func() {
		c := detector.QueueCounted{Round: e.Round, Queue: e.Queue, Consumers: len(q.consumers), Ready: len(q.ready)}
		n.w.horizon.count(e.Round, q)
		n.w.after(n.w.around(200*time.Microsecond), func() {
			if n.life == life {
				n.w.horizon.tell(q, c.Consumers)
				n.step(c)
			}
		})
	})
}
