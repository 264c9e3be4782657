package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// event is something that happens at one instant of virtual time.
type event struct {
	at  time.Time
	seq uint64
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if e[i].at.Equal(e[j].at) {
		return e[i].seq < e[j].seq
	}
	return e[i].at.Before(e[j].at)
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}

// world is one running simulation.
type world struct {
	opt     Options
	rng     *rand.Rand
	now     time.Time
	agenda  events
	seq     uint64
	changed bool // invariant: false only if truth is up to date
	hosts   []*host
	queues  []*queue
	guards  []*guard
	procs   []*process // by their index
	net     *network
	truth   *truth
	horizon *horizon // of the present detector
	score   Score
	watch   *watch
	script  *script // nil: everything is random
}

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// timer schedules do, which is no event of its own: the score does not count it.
func (w *world) timer(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.agenda, event{w.now.Add(d), w.seq, do})
}

// after schedules an event of the world.
func (w *world) after(d time.Duration, do func()) {
	w.timer(d, func() {
		w.score.Events++
		do()
	})
}

// chance is true p times in a hundred.
func (w *world) chance(p int) bool { return w.rng.IntN(100) < p }

// around returns a random duration with the given mean, never zero.
func (w *world) around(mean time.Duration) time.Duration {
	return time.Duration(w.rng.ExpFloat64()*float64(mean)) + 1
}

// run plays the world to its end.
func (w *world) run() {
	end := begin.Add(w.opt.Length)
	for len(w.agenda) > 0 && !w.agenda[0].at.After(end) {
		e := heap.Pop(&w.agenda).(event)
		w.now = e.at
		e.do()
		if w.script == nil {
			w.truth.look()
		} else if w.script.over() {
			return
		}
	}
}

// populate makes hosts, queues, processes, locks and semaphores.
func (w *world) populate() {
	for i := range w.opt.Hosts {
		skew := time.Duration(w.rng.NormFloat64() * float64(2*time.Second))
		w.hosts = append(w.hosts, &host{w: w, name: fmt.Sprintf("host%d", i), skew: skew})
	}
	for i := range w.opt.Streams {
		w.populateWorkers(&queue{name: fmt.Sprintf("stream%d", i), limit: 1 + w.rng.IntN(2)})
	}
	for i := range w.opt.Servers {
		q := &queue{name: fmt.Sprintf("server%d", i), mailbox: true}
		q.buffer = w.buffer(q.name, w.opt.Buffers)
		w.queues = append(w.queues, q)
		w.add(q.name, q)
	}
	for i := range w.opt.Pools {
		q := &queue{name: fmt.Sprintf("pool%d", i)}
		if w.opt.Drains > 0 {
			q.buffer = w.buffer(q.name, w.opt.Drains)
		}
		w.populateWorkers(q)
	}
	for i := range w.opt.Clients {
		w.add(fmt.Sprintf("client%d", i), nil)
	}
	for i := range w.opt.Locks {
		w.guards = append(w.guards, newLock(i))
	}
	for i := range w.opt.Semaphores {
		w.guards = append(w.guards, newSemaphore(i, 1+w.rng.IntN(3)))
	}
}

// buffer makes a buffer for a queue, or none.
func (w *world) buffer(name string, chance int) *buffer {
	if !w.chance(chance) {
		return nil
	}
	return &buffer{name: report.Resource("buffer/" + name), size: 1 + w.rng.IntN(3)}
}

// populateWorkers makes the workers that consume a queue together.
func (w *world) populateWorkers(q *queue) {
	w.queues = append(w.queues, q)
	stranger := w.chance(w.opt.Strangers)
	q.left = w.opt.Leavers > 0 && w.chance(w.opt.Leavers)
	for j := range w.opt.Workers {
		p := w.add(fmt.Sprintf("%s.worker%d", q.name, j), q)
		p.watched = j > 0 || !stranger
	}
}

func (w *world) add(name string, serve *queue) *process {
	p := &process{
		world: w, index: len(w.procs), host: w.hosts[w.rng.IntN(len(w.hosts))],
		name: name, serve: serve, watched: true,
	}
	if serve != nil && serve.buffer != nil {
		serve.buffer.drains = append(serve.buffer.drains, p)
	}
	w.procs = append(w.procs, p)
	return p
}
