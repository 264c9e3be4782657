package live

import (
	"strconv"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/internal/runlog"
	"github.com/waitgraph/waitgraph/internal/scenario"
	"github.com/waitgraph/waitgraph/internal/simulation"
)

// journal writes down what happens in a play. Whatever happens at once to
// several things is written in one step, under its lock.
type journal struct {
	mu     sync.Mutex
	began  time.Time // zero before the sessions begin
	closed bool      // nothing is written any more
	record simulation.Record

	moved   time.Time           // when something happened last
	timers  int                 // that will make something happen
	open    int                 // requests that nobody is done with
	blocked map[string]struct{} // processes

	requests []*request
}

// request is one message to a service. The number of it is all that the broker
// carries. What changes of it is guarded by the journal.
type request struct {
	number  int
	queue   string
	does    []scenario.Step // if own
	own     bool
	awaited bool    // somebody waits for the reply
	settled bool    // there will be no other answer
	done    bool    // nobody works on it any more
	room    *buffer // in which it takes room, if it does

	// Of one that somebody waits for, if he is watched:
	from    *life    // who
	behind  *request // that he works on, if it is not answered yet
	partial bool     // he waits for others, too, and does not need all
}

func newJournal() *journal { return &journal{blocked: make(map[string]struct{})} }

// name is what the log calls the reply to a request.
func (r *request) name() string { return "reply/" + strconv.Itoa(r.number) }

// begin is the beginning of the play's time.
func (j *journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.began = time.Now()
	j.moved = j.began
}

// at returns the time of the play.
func (j *journal) at() time.Duration {
	if j.began.IsZero() {
		return 0
	}
	return time.Since(j.began)
}

// note writes entries, as one step.
func (j *journal) note(entries ...runlog.Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(entries...)
}

// write is note for those who have the lock.
func (j *journal) write(entries ...runlog.Entry) {
	if j.closed {
		return
	}
	at := j.at()
	for _, e := range entries {
		e.At = at
		switch e.Kind {
		case runlog.Begin:
			j.blocked[e.Process] = struct{}{}
		case runlog.End:
			delete(j.blocked, e.Process)
		}
		j.record.Log = append(j.record.Log, e)
	}
	j.moved = time.Now()
}

// timer notes that something will happen by itself, until the function that it
// returns is called.
func (j *journal) timer() (over func()) {
	add := func(n int) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.timers += n
		j.moved = time.Now()
	}
	add(1)
	return func() { add(-1) }
}

// enter numbers a request that is about to be sent. The caller has the lock.
func (j *journal) enter(to *scenario.Target, awaited bool) *request {
	r := &request{number: len(j.requests), queue: to.Service, does: to.Do, own: to.Own, awaited: awaited}
	j.requests = append(j.requests, r)
	j.open++
	return r
}

// request returns the one with a number, nil if there is none.
func (j *journal) request(body []byte) *request {
	n, err := strconv.Atoi(string(body))
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil || n < 0 || n >= len(j.requests) {
		return nil
	}
	return j.requests[n]
}

// settle notes that a request has its answer, or will have none, and returns what
// is to be written of that. The caller has the lock.
func (r *request) settle() []runlog.Entry {
	if !r.awaited || r.settled {
		return nil
	}
	r.settled = true
	return []runlog.Entry{{Kind: runlog.Settle, Resource: r.name(), Queue: r.queue}}
}

// finish notes that nobody works on a request any more. The caller has the lock.
func (j *journal) finish(r *request) {
	r.leave()
	if !r.done {
		r.done = true
		j.open--
		j.moved = time.Now()
	}
}

// leave notes that a request takes no room any more. The caller has the lock.
func (r *request) leave() {
	if r.room != nil {
		r.room.drain()
		r.room = nil
	}
}

// lose notes that a request got lost: it died in the mailbox of a service, or was
// not sent.
func (j *journal) lose(r *request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(r.settle()...)
	j.finish(r)
}

// announced writes down what the detector says.
func (j *journal) announced(a detector.Announce) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.record.Verdicts = append(j.record.Verdicts, simulation.Said{At: j.at(), Announce: a})
	}
}

const (
	// lull is for how long nothing has to happen at the end of a play.
	lull = 300 * time.Millisecond
	// patience is the same where somebody waits, so that a missed deadlock
	// stands for long enough to be one.
	patience = scenario.Bound + 2*lull
)

// over closes the journal if nothing can happen any more, or the time is up. It
// reports whether it is closed.
func (j *journal) over(limit time.Duration) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	quiet := lull
	if len(j.blocked) > 0 || j.open > 0 {
		quiet = patience
	}
	j.closed = j.closed || j.at() >= limit || (j.timers == 0 && time.Since(j.moved) > quiet)
	if j.closed && j.record.Length == 0 {
		j.record.Length = min(j.at(), limit)
	}
	return j.closed
}
