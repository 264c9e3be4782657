package endtoend_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/pause"
	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// cast is a set of processes that each do what a request says, one request at a
// time, and the truth about them. A script is what to do one after the other:
//
//	1        ask process 1 to do nothing
//	1(2 3)   ask process 1 to ask 2 and then 3
//	~        rest, for up to 20 ms
//	=        rest, for 50 ms
//	|        rest, until all who do so have come to it
type cast struct {
	*system
	nodes []*node
	truth truth
	round atomic.Pointer[round]
}

// round is the life of a run: with it ends whatever its processes still wait for.
type round struct {
	context.Context                //nolint:containedctx // it is the life of what it stands for
	meeting         sync.WaitGroup // of those who wait for each other
}

// meet waits until all have come who are to.
func (r *round) meet() error {
	r.meeting.Done()
	r.meeting.Wait()
	return r.Err()
}

const (
	shortRest = 20 * time.Millisecond
	longRest  = 50 * time.Millisecond
)

// newCast starts processes by the names 0, 1, ... in two OS processes.
func newCast(s *system, size int) *cast {
	c := &cast{system: s, nodes: []*node{s.node("even"), s.node("odd")}}
	for i := range size {
		name := fmt.Sprint(i)
		c.nodes[i%2].serve(name, 16, func(ctx context.Context, r *amqprpc.Request) ([]byte, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(c.round.Load(), cancel)()
			if err := c.play(ctx, c.nodes[i%2], name, string(r.Body)); err != nil {
				return nil, amqprpc.ErrNoAnswer
			}
			return nil, nil
		})
	}
	return c
}

// play lets a process follow a script.
func (c *cast) play(ctx context.Context, n *node, me, script string) error {
	for script = strings.TrimSpace(script); script != ""; script = strings.TrimSpace(script) {
		var err error
		switch script[0] {
		case '~':
			script, err = script[1:], pause.For(ctx, rand.N(shortRest))
		case '=':
			script, err = script[1:], pause.For(ctx, longRest)
		case '|':
			script, err = script[1:], c.round.Load().meet()
		default:
			var whom, what string
			whom, what, script = cutStep(script)
			err = c.ask(ctx, n, me, whom, what)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *cast) ask(ctx context.Context, n *node, me, whom, what string) error {
	c.truth.begin(me, whom)
	defer c.truth.end(me)
	return n.call(ctx, whom, what)
}

// cutStep splits a script after its first step, which is to ask somebody.
func cutStep(script string) (whom, what, after string) {
	end := strings.IndexAny(script, " (")
	if end < 0 {
		return script, "", ""
	}
	whom = script[:end]
	if script[end] == ' ' {
		return whom, "", script[end:]
	}
	depth := 0
	for i, r := range script[end:] {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth == 0 {
			return whom, script[end+1 : end+i], script[end+i+1:]
		}
	}
	panic("unbalanced script: " + script)
}

// run plays one script for each client, all at once, and holds what the
// detector says against the truth. It returns how many deadlocks there were.
func (c *cast) run(scripts ...string) int {
	c.Helper()
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	life := &round{Context: ctx}
	life.meeting.Add(strings.Count(strings.Join(scripts, ""), "|"))
	c.round.Store(life)
	var playing sync.WaitGroup
	for i, script := range scripts {
		client := fmt.Sprintf("client:%d", i)
		n := c.nodes[i%2]
		process := n.agent.Process(client)
		playing.Go(func() {
			defer process.Stop()
			_ = c.play(tracing.WithProcess(ctx, process), n, client, script)
		})
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		playing.Wait()
	}()
	c.settle(ended)
	deadlocks := c.compare()
	cancel()
	<-ended
	for range deadlocks {
		c.await(detector.Resolved)
	}
	c.unconfirmed(50 * time.Millisecond)
	return deadlocks
}

// settled is for how long nothing has to change until it seems that nothing changes
// in a run any more.
const settled = 300 * time.Millisecond

// settle waits until a run has ended or some are deadlocked: whoever is not comes
// to an end.
func (c *cast) settle(ended <-chan struct{}) {
	for before := -1; ; time.Sleep(settled) {
		if now := c.truth.count(); now != before {
			before = now
			continue
		}
		if len(c.truth.deadlocks()) > 0 {
			return
		}
		select {
		case <-ended:
			return
		default:
		}
	}
}

// compare wants one verdict for each deadlock and no other, with the core and
// the collateral that it has. It returns how many there are.
func (c *cast) compare() int {
	c.Helper()
	for {
		changes, deadlocks := c.truth.count(), c.truth.deadlocks()
		found := c.repeated(deadlocks)
		if maps.Equal(found, deadlocks) {
			return len(deadlocks)
		}
		if c.truth.count() == changes { // on a slow machine they may yet change
			c.Errorf("deadlocked are %v, found were %v", deadlocks, found)
			return len(deadlocks)
		}
	}
}

// repeated returns what the detector repeats of as many deadlocks.
func (c *cast) repeated(deadlocks map[string]string) (found map[string]string) {
	c.Helper()
	found = make(map[string]string)
	for len(found) < len(deadlocks) {
		// What is repeated tells of those who came to wait behind it since.
		v := c.awaitThat("stands", func(a *announcement) bool { return a.Verdict.Status == detector.Confirmed && a.Again }).Verdict
		found[strings.Join(names(v.Core), " ")] = strings.Join(names(v.Collateral), " ")
	}
	return found
}

// truth knows who waits for whom, as the processes themselves do.
type truth struct {
	mu      sync.Mutex
	waits   map[string]string
	changes int
}

// count returns how many changes there were.
func (t *truth) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changes
}

func (t *truth) begin(who, whom string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waits == nil {
		t.waits = make(map[string]string)
	}
	t.waits[who] = whom
	t.changes++
}

func (t *truth) end(who string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waits, who)
	t.changes++
}

// deadlocks returns the circles and, for each, who waits behind it. Everybody
// waits for one other at most, who does one thing at a time, so whoever comes
// back to himself is in a circle.
func (t *truth) deadlocks() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	behind := make(map[string][]string)
	for who := range t.waits {
		path := []string{who}
		for whom, ok := t.waits[who]; ok; whom, ok = t.waits[whom] {
			if i := slices.Index(path, whom); i >= 0 {
				circle := strings.Join(sorted(slices.Clone(path[i:])), " ")
				behind[circle] = append(behind[circle], path[:i]...)
				break
			}
			path = append(path, whom)
		}
	}
	all := make(map[string]string, len(behind))
	for circle, who := range behind {
		all[circle] = strings.Join(slices.Compact(sorted(who)), " ")
	}
	return all
}
