package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// process runs one program at a time: that of a request, or its own if it is a
// client.
type process struct {
	world   *world
	index   int
	host    *host
	name    string
	serve   *queue // nil for a client
	watched bool   // by its host's agent

	id       *ledger.Process
	life     int // counts deaths, so that events of an earlier life are void
	running  bool
	mailbox  []*request
	request  *request // being handled
	answered bool     // early
	program  []op
	blocked  *wait
	branches int // of its program that are under way
	guards   []*guard
	busy     bool
	promised int // requests that the broker has sent it
	scripted
}

// wait is one blocking of a process.
type wait struct {
	by       *process
	epoch    uint64
	need     int
	requests []*request
	guard    *guard
	message  *request // that waits for space in buffer
	buffer   *queue
	space    *space
	onEnd    report.Cause // how a timeout ends it
	crash    bool
}

func (p *process) String() string { return fmt.Sprintf("%s@%s", p.name, p.host.name) }

// free reports whether a worker of a pool can be sent a request.
func (p *process) free() bool {
	has := len(p.mailbox) + p.promised
	if p.busy {
		has++
	}
	return has < max(1, p.serve.prefetch)
}

// start brings a process to life.
func (p *process) start() {
	p.running = true
	p.world.changed = true
	p.started()
	if p.serve == nil {
		p.later(p.world.lead()+p.world.around(p.world.opt.Pause), p.think)
		return
	}
	p.world.note(runlog.Entry{Kind: runlog.Join, Process: p.name, Queue: p.serve.name})
	p.consume()
}

// consume makes p a consumer of its queue, perhaps for a time.
func (p *process) consume() {
	p.serve.consumers = append(p.serve.consumers, p)
	p.world.dispatch(p.serve)
	if p.serve.left && p.watched {
		p.later(p.world.around(4*time.Second), p.leave)
	}
}

// leave ends that. What p has in hand it goes on with.
func (p *process) leave() {
	p.stopConsuming()
	p.left()
	p.later(p.world.around(time.Second), func() {
		p.joined()
		p.consume()
	})
}

func (p *process) stopConsuming() {
	p.serve.consumers = slices.DeleteFunc(p.serve.consumers, func(o *process) bool { return o == p })
}

// later schedules do unless the process dies before.
func (p *process) later(d time.Duration, do func()) {
	life := p.life
	p.world.move(d, func() {
		switch {
		case p.life != life:
		case p.idle > 0:
			p.idling = append(p.idling, do)
		default:
			do()
		}
	})
}

// think lets a client run its next program.
func (p *process) think() {
	p.program = p.write(1)
	p.busy = true
	p.step()
}

// take hands a request to a worker of a pool, or puts it into the mailbox of a
// server.
func (p *process) take(r *request) {
	r.taker, r.seen = p, witness{p.host.agent(), !p.watched}
	p.world.changed = true
	if p.received(r) {
		return
	}
	if p.reentrant {
		p.world.sent(r, runlog.Take)
	}
	p.mailbox = append(p.mailbox, r)
	p.next()
}

// next starts on the oldest request in the mailbox.
func (p *process) next() {
	if p.busy || len(p.mailbox) == 0 {
		return
	}
	p.request, p.mailbox = p.mailbox[0], p.mailbox[1:]
	p.busy, p.answered = true, false
	if p.request.reply != "" {
		p.handling(p.request)
	} else if p.serve.buffer != nil {
		p.serve.drained()
	}
	p.program = p.write(len(p.request.chain))
	p.later(p.world.around(p.world.handling()), p.step)
}

// step runs the program until it blocks, works or ends.
func (p *process) step() {
	for p.blocked == nil {
		if len(p.program) == 0 {
			p.finish()
			return
		}
		o := p.program[0]
		p.program = p.program[1:]
		if !o(p) {
			return
		}
	}
}

// finish answers the request that was handled and takes the next.
func (p *process) finish() {
	for len(p.guards) > 0 {
		p.release(p.guards[0])
	}
	p.answer()
	p.request, p.busy = nil, false
	if p.world.script != nil && p.done() {
		return
	}
	if p.serve == nil {
		p.later(p.world.around(p.world.opt.Pause), p.think)
		return
	}
	p.next()
	if !p.busy {
		p.world.dispatch(p.serve)
	}
}

// answer sends the reply to the request that is being handled, once.
func (p *process) answer() {
	r := p.request
	if r == nil || p.answered {
		return
	}
	p.answered = true
	if r.reply == "" {
		return
	}
	r.over = true
	p.world.changed = true
	p.world.sent(r, runlog.Settle)
	p.replied(r)
	p.world.move(p.world.around(replyTime), func() { r.arrive() })
}

// block makes the process wait. It ends by the limit; if that is zero, somebody
// loses patience in the end and restarts the process.
func (p *process) block(w *wait, limit time.Duration) {
	p.blocked = w
	if limit == 0 && p.world.script != nil {
		return
	}
	if limit == 0 {
		limit, w.crash = p.patience(), true
	}
	p.later(limit, func() {
		if p.blocked == w {
			p.giveUp(w)
		}
	})
}

// patience is how long somebody lets the process wait without a limit.
func (p *process) patience() time.Duration {
	half := p.world.opt.Patience / 2
	return half + p.world.around(half)
}

func (p *process) giveUp(w *wait) {
	if w.crash {
		p.crash()
		return
	}
	p.withdraw()
	p.unblock(w.onEnd)
}

// unblock lets the process go on.
func (p *process) unblock(cause report.Cause) {
	for _, r := range p.blocked.requests {
		r.closed = true
	}
	p.blocked = nil
	p.ended(cause)
	if p.branches == 0 {
		p.later(p.world.around(20*time.Microsecond), p.step)
	}
}

// withdraw takes a wait off the lists of those whom something is granted.
func (p *process) withdraw() {
	mine := func(o *wait) bool { return o.by == p }
	if g := p.blocked.guard; g != nil {
		g.waiters = slices.DeleteFunc(g.waiters, mine)
	}
	if q := p.blocked.buffer; q != nil {
		q.buffer.waiters = slices.DeleteFunc(q.buffer.waiters, mine)
	}
}

// crash ends the process without an answer to anybody and starts it again. Its
// agent tells.
func (p *process) crash() {
	p.stopped()
	p.die()
	if p.world.script != nil && p.fallen() {
		return
	}
	p.host.later(p.world.around(50*time.Millisecond), p.start)
}

// vanish ends the process along with its host: its own agent cannot tell. The
// broker gives the request that a worker had in hand to another.
func (p *process) vanish() {
	if !p.running {
		return
	}
	var unfinished []*request
	if p.serve != nil && !p.serve.mailbox {
		unfinished, p.mailbox = p.mailbox, nil
		drained := p.serve.buffer != nil && p.request != nil && p.request.reply == ""
		if p.request != nil && !p.answered && !drained {
			unfinished = append(unfinished, p.request)
			p.request = nil
		}
	}
	p.die()
	for _, r := range unfinished {
		p.world.redeliver(r)
	}
}

// die takes away what a process had: its requests are lost, its locks free.
func (p *process) die() {
	if p.blocked != nil {
		for _, r := range p.blocked.requests {
			r.closed = true
		}
		p.withdraw()
		p.blocked = nil
		p.world.note(runlog.Entry{Kind: runlog.End, Process: p.name})
	}
	p.world.changed = true
	if p.serve != nil {
		p.world.note(runlog.Entry{Kind: runlog.Leave, Process: p.name, Queue: p.serve.name})
		p.stopConsuming()
	}
	lost := p.mailbox
	if p.request != nil && !p.answered {
		p.request.over = true
		p.world.sent(p.request, runlog.Settle)
	}
	guards := p.guards
	p.life++
	p.running, p.busy, p.answered, p.promised, p.branches = false, false, false, 0, 0
	p.mailbox, p.request, p.program, p.guards = nil, nil, nil, nil
	for _, g := range guards {
		g.free(p)
	}
	for _, r := range lost {
		r.lose()
	}
}
