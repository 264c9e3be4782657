package waitfor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestTraces replays testdata. The commands are
//
//	block P on=(r, s) [need=K]   P waits for K of the resources, by default all
//	unblock P
//	hold P r ...                 P can grant r ...
//	release P r ...
//	remove P                     P is gone
//
// and each prints the whole state: a line per blocked process with what it
// waits for and, in brackets, who can grant that, then the deadlocked set and
// its cores.
func TestTraces(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		w := newWorld()
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if err := w.do(parse(t, d)); err != nil {
				d.Fatalf(t, "%v", err)
			}
			if err := w.check(); err != nil {
				d.Fatalf(t, "%v", err)
			}
			return w.String()
		})
	})
}

// command is one line of a trace.
type command struct {
	verb      string
	process   string
	resources []string
	need      int // 0 for all
}

func (c command) String() string {
	switch c.verb {
	case "block":
		text := fmt.Sprintf("block %s on=(%s)", c.process, strings.Join(c.resources, ", "))
		if c.need > 0 && c.need < len(c.resources) {
			text += fmt.Sprintf(" need=%d", c.need)
		}
		return text
	default:
		return strings.Join(append([]string{c.verb, c.process}, c.resources...), " ")
	}
}

func parse(t *testing.T, d *datadriven.TestData) command {
	c := command{verb: d.Cmd, process: d.CmdArgs[0].Key}
	for _, arg := range d.CmdArgs[1:] {
		switch arg.Key {
		case "on":
			c.resources = arg.Vals
		case "need":
			d.ScanArgs(t, "need", &c.need)
		default:
			c.resources = append(c.resources, arg.Key)
		}
	}
	return c
}

// world is a graph and its oracle, driven by the same commands.
type world struct {
	graph     *Graph
	oracle    *oracle
	processes map[string]Process
	resources map[string]Resource
	names     map[Process]string
	trace     []command

	cores   string // by the oracle, at this version
	version uint64
}

func newWorld() *world {
	return &world{
		graph: New(), oracle: newOracle(),
		processes: map[string]Process{}, resources: map[string]Resource{}, names: map[Process]string{},
	}
}

func (w *world) process(name string) Process {
	p, ok := w.processes[name]
	if !ok {
		p = w.graph.AddProcess()
		w.processes[name], w.names[p] = p, name
	}
	return p
}

func (w *world) resource(name string) Resource {
	r, ok := w.resources[name]
	if !ok {
		r = w.graph.AddResource()
		w.resources[name] = r
	}
	return r
}

func (w *world) do(c command) error {
	w.trace = append(w.trace, c)
	p := w.process(c.process)
	on := make([]Resource, len(c.resources))
	for i, name := range c.resources {
		on[i] = w.resource(name)
	}
	switch c.verb {
	case "block":
		need := c.need
		if need == 0 {
			need = len(on)
		}
		w.graph.Block(p, need, on)
		w.oracle.waits[c.process] = wait{need, c.resources}
	case "unblock":
		w.graph.Unblock(p)
		delete(w.oracle.waits, c.process)
	case "hold":
		for i, r := range on {
			w.graph.Hold(r, p)
			w.oracle.hold(c.process, c.resources[i])
		}
	case "release":
		for i, r := range on {
			w.graph.Release(r, p)
			delete(w.oracle.holders[c.resources[i]], c.process)
		}
	case "remove":
		w.graph.RemoveProcess(p)
		delete(w.processes, c.process)
		delete(w.names, p)
		w.oracle.remove(c.process)
	default:
		return fmt.Errorf("unknown command %q", c.verb)
	}
	w.forgetIdle()
	return nil
}

// forgetIdle removes the resources that nobody waits for and nobody holds, so
// that handles are used again.
func (w *world) forgetIdle() {
	for _, name := range slices.Sorted(maps.Keys(w.resources)) {
		r := w.resources[name]
		if w.graph.NumWaiters(r) == 0 && w.graph.NumHolders(r) == 0 {
			w.graph.RemoveResource(r)
			delete(w.resources, name)
		}
	}
}

// check compares the graph with its oracle, its cores included.
func (w *world) check() error {
	if err := w.checkDeadlocked(); err != nil {
		return err
	}
	if got := describe(w.coresOfGraph()); got != w.cores {
		return fmt.Errorf("cores: %v, by components %v", got, w.cores)
	}
	return nil
}

// checkDeadlocked compares everything that does not make the graph compute its
// cores.
func (w *world) checkDeadlocked() error {
	if err := w.graph.checkInvariants(); err != nil {
		return err
	}
	if err := w.checkEdges(); err != nil {
		return err
	}
	if got, want := w.deadlocked(), w.oracle.deadlocked(); got.String() != want.String() {
		return fmt.Errorf("deadlocked: %v, by full reduction %v", got, want)
	}
	before, version := w.cores, w.version
	w.cores, w.version = describe(w.oracle.coresByComponents()), w.graph.CoresVersion()
	if w.cores != before && w.version == version {
		return fmt.Errorf("cores changed from %v to %v at the same version", before, w.cores)
	}
	return nil
}

// checkEdges compares what the graph says about single processes.
func (w *world) checkEdges() error {
	for name, p := range w.processes {
		on := w.oracle.waits[name].on
		waits, holds := make([]Resource, 0, len(on)), set{}
		for _, r := range on {
			waits = append(waits, w.resources[r])
		}
		for r, holders := range w.oracle.holders {
			if holders[name] {
				holds[r] = true
			}
		}
		if got := slices.Collect(w.graph.Waits(p)); !slices.Equal(got, waits) || w.graph.Need(p) != w.oracle.waits[name].need {
			return fmt.Errorf("%s waits for %d of %v, not %v", name, w.graph.Need(p), got, waits)
		}
		if w.graph.NumWaits(p) != len(waits) || w.graph.NumHolds(p) != len(holds) {
			return fmt.Errorf("%s has %d waits and %d holds", name, w.graph.NumWaits(p), w.graph.NumHolds(p))
		}
		for r := range w.graph.Holds(p) {
			delete(holds, w.nameOf(r))
		}
		if len(holds) > 0 {
			return fmt.Errorf("%s does not hold %v", name, holds)
		}
	}
	return nil
}

func (w *world) deadlocked() set {
	s := set{}
	for p := range w.graph.AllDeadlocked() {
		s[w.names[p]] = w.graph.Deadlocked(p)
	}
	return s
}

func (w *world) coresOfGraph() (cores []set) {
	for _, core := range w.graph.Cores() {
		s := set{}
		for _, p := range core {
			s[w.names[p]] = true
		}
		cores = append(cores, s)
	}
	return cores
}

// String prints the whole state.
func (w *world) String() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.processes)) {
		p := w.processes[name]
		if !w.graph.Blocked(p) {
			continue
		}
		fmt.Fprintf(&b, "%s waits for%s", name, quantity(w.graph.Need(p), w.graph.NumWaits(p)))
		for r := range w.graph.Waits(p) {
			fmt.Fprintf(&b, " %s", w.holders(r))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "deadlocked: %v\n", w.deadlocked())
	fmt.Fprintf(&b, "cores: [%s]\n", describe(w.coresOfGraph()))
	return b.String()
}

func (w *world) nameOf(r Resource) string {
	for name, handle := range w.resources {
		if handle == r {
			return name
		}
	}
	return "?"
}

func (w *world) holders(r Resource) string {
	var holders []string
	for p := range w.graph.Holders(r) {
		holders = append(holders, w.names[p])
	}
	slices.Sort(holders)
	return w.nameOf(r) + "[" + strings.Join(holders, " ") + "]"
}

func quantity(need, of int) string {
	switch {
	case of == 1:
		return ""
	case need == of:
		return " all of"
	case need == 1:
		return " any of"
	}
	return fmt.Sprintf(" %d of", need)
}

// Trace returns the commands so far, in the form of testdata.
func (w *world) Trace() string {
	var b strings.Builder
	for _, c := range w.trace {
		fmt.Fprintf(&b, "%v\n----\n\n", c)
	}
	return b.String()
}
