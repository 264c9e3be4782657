package detector

import (
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/waitfor"
)

// Detector keeps the global wait-for graph and the verdicts about it. It is
// not safe for concurrent use: one goroutine owns it.
type Detector struct {
	cfg   Config
	graph *waitfor.Graph
	start time.Time // of the first Step or Tick
	now   time.Time // of the present one

	nodes     map[report.Key]*node
	vertices  []*node // by their vertex in the graph
	resources map[report.Resource]*resource
	queues    map[string]*queue
	strained  map[*queue]struct{} // with one worker left
	unsure    map[*queue]struct{} // that may have unknown members
	agents    map[report.Agent]*agent
	newest    map[string]*agent   // by the agent's name: its latest incarnation
	lives     map[string][]*agent // by the agent's name: all that are in agents
	stranger  waitfor.Process     // the consumer that may exist where membership is unknown; never blocked
	graves    []grave             // nodes that went on, oldest first
	expiries  expiries            // of hints
	hinted    map[*node]struct{}  // with hints
	hintsAt   time.Time           // when to ask about them again
	speakers  []*node             // whose holds are news, in the batch at hand
	idle      []*resource         // without waiters and holders, in the step at hand
	held      []report.Resource   // scratch of showHolds

	verdicts  map[string]*verdict // standing, by ID
	rounds    map[uint64]*round   // under way
	lastID    uint64              // of a round or an inquiry
	ready     []*round            // of them: complete, not concluded
	parked    []parked
	version   uint64 // of the graph's cores as last looked at
	recheck   bool   // more may be known of a member of a core than the graph shows
	recovered bool
	countAt   time.Time // when to count the queues of silent agents again
	out       []Effect
	stats     Stats
	census    census
}

// New returns a detector that knows nothing yet.
func New(cfg Config) *Detector {
	g := waitfor.New()
	return &Detector{
		cfg:       cfg,
		graph:     g,
		stranger:  g.AddProcess(),
		nodes:     make(map[report.Key]*node),
		resources: make(map[report.Resource]*resource),
		queues:    make(map[string]*queue),
		strained:  make(map[*queue]struct{}),
		unsure:    make(map[*queue]struct{}),
		agents:    make(map[report.Agent]*agent),
		newest:    make(map[string]*agent),
		lives:     make(map[string][]*agent),
		verdicts:  make(map[string]*verdict),
		rounds:    make(map[uint64]*round),
		hinted:    make(map[*node]struct{}),
		census:    newCensus(),
	}
}

// Step takes one event and returns what it wants done about it. The slice is
// valid until the next call.
func (d *Detector) Step(now time.Time, e Event) []Effect {
	d.begin(now)
	e.apply(d)
	d.forgetIdle()
	d.judge()
	return d.out
}

// Tick lets time pass: leases and hints expire, questions and announcements
// are repeated. Call it at a steady interval of no more than Config.AskAgain.
// The slice is valid until the next call.
func (d *Detector) Tick(now time.Time) []Effect {
	d.begin(now)
	d.expireLeases()
	d.recover()
	d.expireHints()
	d.buryNodes()
	d.forgetIdle()
	d.watchPools()
	d.judge()
	d.pursue()
	d.putAgain()
	d.countWaits()
	return d.out
}

// begin keeps now from running backwards, so that a clock that jumps makes the
// detector slow and not wrong.
func (d *Detector) begin(now time.Time) {
	if d.start.IsZero() {
		d.start = now
	}
	if now.After(d.now) {
		d.now = now
	}
	clear(d.out)
	d.out = d.out[:0]
}

func (d *Detector) emit(e Effect) { d.out = append(d.out, e) }

func (e Reported) apply(d *Detector) { d.report(e.Batch) }

func (e QueueCounted) apply(d *Detector) {
	if q := d.queues[e.Queue]; q != nil {
		d.countMembers(q, e)
	}
	if r := d.rounds[e.Round]; r != nil {
		r.counted(d.now, e)
		d.interrogate(r)
		d.finished(r)
	}
}
