package simulation

import (
	"fmt"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// host is one OS process with an agent. Its clock is wrong by skew.
type host struct {
	w       *world
	name    string
	skew    time.Duration
	alive   bool
	life    uint64 // the agent's incarnation
	ledger  *ledger.Ledger
	due     time.Time // when the ledger is to be called next, by its own clock; zero if it is not
	replies int
	sending bool
	cut     bool // from the detector
}

const heartbeat = 500 * time.Millisecond

func (h *host) clock() time.Time { return h.w.now.Add(h.skew) }

func (h *host) agent() report.Agent { return report.Agent{Name: h.name, Incarnation: h.life} }

// boot brings a host to life with a new incarnation of its agent.
func (h *host) boot() {
	h.life++
	h.alive, h.sending, h.due = true, false, time.Time{}
	h.ledger = ledger.New(h.agent(), h.config())
	h.w.net.disturb()
	h.later(heartbeat, h.beat)
	for _, p := range h.w.procs {
		if p.host == h && !p.running && !p.gone {
			p.start()
		}
	}
	if h.w.opt.Killing > 0 {
		h.later(h.w.around(h.w.opt.Killing), h.kill)
	}
}

// config lets some agents take a few states for more than a batch can carry.
func (h *host) config() (c ledger.Config) {
	if n := h.w.opt.Parts; n > 0 && h.w.chance(n) {
		c.PartBytes = 1000
	}
	return c
}

// later schedules do unless the host dies before.
func (h *host) later(d time.Duration, do func()) { h.w.after(d, h.unlessDead(do)) }

func (h *host) unlessDead(do func()) func() {
	life := h.life
	return func() {
		if h.alive && h.life == life {
			do()
		}
	}
}

func (h *host) beat() {
	h.publish(h.ledger.Heartbeat(h.clock()))
	h.later(heartbeat, h.beat)
}

// kill ends a host, as a rule without a word. Some of its processes another host
// takes over; the others wait until it is back.
func (h *host) kill() {
	farewell := h.w.opt.Farewells > 0 && h.w.chance(h.w.opt.Farewells)
	h.alive = false
	h.w.net.disturb()
	for _, p := range h.w.procs {
		if p.host != h {
			continue
		}
		if farewell && p.running {
			p.stopped()
		}
		p.vanish()
		if o := h.w.hosts[h.w.rng.IntN(len(h.w.hosts))]; o.alive && h.w.chance(h.w.opt.Failovers) {
			p.host = o
			o.later(h.w.around(200*time.Millisecond), p.start)
		}
	}
	if farewell {
		h.leave()
	}
	h.w.changed = true
	h.w.after(h.w.around(time.Second), h.boot)
}

// leave tells what is left to tell, and that the agent goes.
func (h *host) leave() {
	for h.ledger.Dirty() {
		h.publish(h.ledger.Collect(h.clock(), 64))
	}
	last := h.ledger.Heartbeat(h.clock())
	last.Heartbeat.Leaving = true
	h.publish(last)
}

// wake lets the exporter send what there is, one message at a time, and calls
// the ledger again when it is due.
func (h *host) wake() {
	if due := h.ledger.Due(); !due.IsZero() && (h.due.IsZero() || due.Before(h.due)) {
		h.due = due
		h.w.timer(due.Sub(h.clock()), h.unlessDead(h.tick))
	}
	if h.sending || !h.ledger.Dirty() {
		return
	}
	h.sending = true
	h.later(h.w.around(20*time.Microsecond), func() {
		h.sending = false
		h.publish(h.ledger.Collect(h.clock(), 64))
		h.wake()
	})
}

func (h *host) tick() {
	h.due = time.Time{}
	h.ledger.Tick(h.clock())
	h.wake()
}

func (h *host) publish(b report.Batch) {
	if err := b.Validate(); err != nil {
		panic(fmt.Sprintf("seed %d: %v", h.w.score.Seed, err))
	}
	b.Service = h.name
	h.w.net.toDetector(h, b)
}

// answer answers a question of the detector, if that still lives when the
// answer arrives.
func (h *host) answer(q report.Question, asker func() bool) {
	b := h.ledger.Answer(h.clock(), q)
	h.w.net.carry(h, func() {
		if asker() {
			h.w.net.receive(b)
		}
	})
	h.wake()
}

// mint names a reply.
func (h *host) mint() report.Resource {
	h.replies++
	return report.Resource(fmt.Sprintf("%v/%d", h.agent(), h.replies))
}
