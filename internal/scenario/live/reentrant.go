package live

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/tracing"
)

// ownChain reports whether a request was made on the way to a reply that the
// process waits for now: as its agent should see it, but worked out from who has
// called whom. Where nobody watches, the way is lost; where a caller does not need
// all that it waits for, it ends. The caller has the lock of the journal.
func (l *life) ownChain(r *request) bool {
	if !l.service.Reentrant {
		return false
	}
	for ; r != nil && !r.partial; r = r.behind {
		if r.from == l && !r.settled && slices.Contains(l.awaits, r) {
			return true
		}
	}
	return false
}

// makes writes into a request who makes it, and while working on what. The caller
// has the lock of the journal.
func (l *life) makes(r *request, partial bool) {
	if l.traced == nil {
		return
	}
	r.from, r.partial = l, partial
	if !l.answered {
		r.behind = l.request
	}
}

// chancesOfRequests is the first of the random sequences of requests. Those of
// processes come before.
const chancesOfRequests = 1 << 32

// worker returns the life that works on a request in the context of a handler: l,
// or one that is within l, for this request alone.
func (l *life) worker(ctx context.Context, r *request) (context.Context, *life) {
	traced := tracing.ProcessFrom(ctx)
	if traced == l.traced {
		return ctx, l
	}
	ctx, cancel := context.WithCancelCause(ctx)
	own := &process{
		play: l.play, name: strings.TrimPrefix(traced.Name(), l.play.name+"/"), replica: l.replica, host: l.host,
		service: l.service, does: l.does,
		rng: rand.New(rand.NewPCG(l.play.seed, chancesOfRequests+uint64(r.number))), //nolint:gosec // no secret, and no less than 0
	}
	n := &life{process: own, conn: l.conn, agent: l.agent, traced: traced, cancel: cancel, outer: l, held: make(map[*guard]struct{})}
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	n.dead, n.death = l.dead, l.death
	l.inner[n] = struct{}{}
	return ctx, n
}

// adopt takes what has come of the process's own chain but was not begun within
// it: what it waited for may have ended just before, so that it goes into the
// mailbox. What is begun after all is claimed. The caller has the lock of the
// journal, and writes the entries.
func (l *life) adopt() (entries []runlog.Entry) {
	for r := range l.returned {
		l.mailbox[r] = struct{}{}
		entries = append(entries, runlog.Entry{Kind: runlog.Take, Process: l.name, Resource: r.name()})
	}
	clear(l.returned)
	return entries
}

// claim takes a request over from the life that l is within. That has it in its
// mailbox if it does not seem to be of its chain: the answer to what it waits for
// is on its way. The caller has the lock of the journal.
func (l *life) claim(r *request) {
	if l.outer == nil {
		return
	}
	delete(l.outer.returned, r)
	if _, ok := l.outer.mailbox[r]; ok {
		delete(l.outer.mailbox, r)
		l.play.journal.write(runlog.Entry{Kind: runlog.Drop, Process: l.outer.name, Resource: r.name()})
	}
}

// rest ends a life that is there for one request alone.
func (l *life) rest() {
	if l.outer == nil {
		return
	}
	l.cancel(nil)
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	delete(l.outer.inner, l)
}

// within returns the lives within l.
func (l *life) within() (all []*life) {
	l.play.journal.mu.Lock()
	defer l.play.journal.mu.Unlock()
	for n := range l.inner {
		all = append(all, n)
	}
	return all
}
