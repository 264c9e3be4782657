package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/waitgraph/waitgraph/detector/report"
)

// The traces in testdata/traces tell a ledger what processes do, a line each:
//
//	at 50ms                  time goes on to this moment after the start
//	start P [reentrant]      stop P      crash P
//	block P [k of] r1 lock:l
//	refused P r1  grant P r1    unblock P timeout    withdraw P cancelled r1
//	receive P r2 [via X:r1,P:r3] [again]      ~: a partial hop, as in ~P:r3
//	handle P r2   answered P r2   abandon P r2
//	vouch P r1 2
//	hold P lock:l     release P lock:l     join P q     leave P q
//
// and print what it reports:
//
//	collect [n]   heartbeat   due   everything   ask P Q [taken r1 r2]   stats
//
// With "parts 700" the complete set comes in parts of so many bytes.
//
// In a call chain, X stands for a process of another agent if none was started.
func TestTraces(t *testing.T) {
	datadriven.Walk(t, "testdata/traces", func(t *testing.T, path string) {
		s := newScript()
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.Lines(td.Input) {
				out.WriteString(s.run(t, strings.Fields(line)))
				if err := s.l.checkInvariants(); err != nil {
					td.Fatalf(t, "after %q: %v", strings.TrimSpace(line), err)
				}
			}
			return out.String()
		})
	})
}

type script struct {
	l     *Ledger
	now   time.Time
	procs map[string]*Process
}

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newScript() *script {
	return &script{
		l: New(report.Agent{Name: "a", Incarnation: 1}, Config{}), now: begin, procs: make(map[string]*Process),
	}
}

func (s *script) run(t *testing.T, words []string) string {
	verb, args := words[0], words[1:]
	switch verb {
	case "at", "due", "collect", "heartbeat", "everything", "ask", "stats":
		return s.observe(t, verb, args)
	case "parts":
		s.l.cfg.PartBytes, _ = strconv.Atoi(args[0])
		return ""
	case "start":
		s.procs[args[0]] = s.l.Start(args[0], len(args) > 1)
		return ""
	}
	p, ok := s.procs[args[0]]
	if !ok {
		t.Fatalf("no process %q", args[0])
	}
	return s.act(t, verb, p, args[1:])
}

func (s *script) act(t *testing.T, verb string, p *Process, args []string) string {
	var r report.Resource
	var kind report.Kind
	if len(args) > 0 {
		r, kind = resource(args[0])
	}
	switch verb {
	case "stop":
		s.l.Stop(s.now, p, report.Cancelled)
	case "crash":
		s.l.Stop(s.now, p, report.Crashed)
	case "block":
		return s.block(p, args)
	case "vouch":
		holders, _ := strconv.Atoi(args[1])
		s.l.Vouch(p, r, holders)
	case "refused":
		s.l.Refused(p, r)
	case "grant":
		s.l.Grant(s.now, p, r)
	case "unblock":
		s.l.Unblock(s.now, p, cause(t, args[0]))
	case "withdraw":
		r, _ = resource(args[1])
		s.l.Withdraw(s.now, p, cause(t, args[0]), r)
	case "receive":
		return s.receive(p, r, args[1:])
	case "handle":
		s.l.Handle(p, r)
	case "answered":
		s.l.Answered(s.now, p, r)
	case "abandon":
		s.l.Abandon(p, r)
	case "hold":
		s.l.Hold(p, r, kind)
	case "release":
		s.l.Release(p, r)
	case "join":
		s.l.Join(p, args[0])
	case "leave":
		s.l.Leave(p, args[0])
	default:
		t.Fatalf("unknown command %q", verb)
	}
	return ""
}

func (s *script) observe(t *testing.T, verb string, args []string) string {
	switch verb {
	case "at":
		d, err := time.ParseDuration(args[0])
		if err != nil {
			t.Fatal(err)
		}
		s.now = begin.Add(d)
		s.l.Tick(s.now)
		return ""
	case "due":
		if due := s.l.Due(); !due.IsZero() {
			return fmt.Sprintf("due at %v\n", due.Sub(begin))
		}
		return "nothing is due\n"
	case "collect":
		limit := 100
		if len(args) > 0 {
			limit, _ = strconv.Atoi(args[0])
		}
		return printBatch(s.l.Collect(s.now, limit))
	case "heartbeat":
		return printBatch(s.l.Heartbeat(s.now))
	case "everything":
		return printBatch(s.l.Answer(s.now, report.Question{Everything: true}))
	case "stats":
		return fmt.Sprintf("%+v\n", s.l.Stats())
	}
	names, replies := args, []string(nil)
	if i := slices.Index(args, "taken"); i >= 0 {
		names, replies = args[:i], args[i+1:]
	}
	q := report.Question{Round: 1}
	for _, name := range names {
		q.Processes = append(q.Processes, s.key(name))
	}
	for _, name := range replies {
		q.Replies = append(q.Replies, report.Resource(name))
	}
	return printBatch(s.l.Answer(s.now, q))
}

func (s *script) block(p *Process, args []string) string {
	need := 0
	if len(args) > 2 && args[1] == "of" {
		need, _ = strconv.Atoi(args[0])
		args = args[2:]
	}
	var waits []report.Wait
	for _, a := range args {
		r, kind := resource(a)
		waits = append(waits, report.Wait{Resource: r, Kind: kind, Since: s.now})
	}
	if need == 0 {
		need = len(waits)
	}
	if _, ok := s.l.Block(s.now, p, need, waits...); !ok {
		return "refused\n"
	}
	return ""
}

func (s *script) receive(p *Process, r report.Resource, args []string) string {
	q := Request{Reply: r}
	for i, a := range args {
		switch a {
		case "again":
			q.Redelivered = true
		case "via":
			q.Chain = s.chain(args[i+1])
		}
	}
	by, closes := s.l.Receive(s.now, p, q)
	switch {
	case closes:
		return "closes a circle\n"
	case by != nil && by != p:
		s.procs[by.key.Process] = by
		return fmt.Sprintf("owed by %s\n", by.key.Process)
	}
	return ""
}

type hops []report.Hop

func (h hops) Hops() []report.Hop { return h }

func (s *script) chain(text string) hops {
	var chain hops
	for hop := range strings.SplitSeq(text, ",") {
		name, reply, _ := strings.Cut(hop, ":")
		name, partial := strings.CutPrefix(name, "~")
		h := report.Hop{Key: s.key(name), Epoch: 1, Reply: report.Resource(reply), Partial: partial}
		if p := s.procs[name]; p != nil {
			h.Epoch = p.epoch
		}
		chain = append(chain, h)
	}
	return chain
}

func (s *script) key(name string) report.Key {
	if p := s.procs[name]; p != nil {
		return p.key
	}
	return report.Key{Agent: report.Agent{Name: "other", Incarnation: 1}, Process: name, Activation: 1}
}

func resource(name string) (report.Resource, report.Kind) {
	if kind, _, ok := strings.Cut(name, ":"); ok {
		k, _ := report.ParseKind(kind)
		return report.Resource(name), k
	}
	return report.Resource(name), report.Reply
}

func cause(t *testing.T, name string) report.Cause {
	c, ok := report.ParseCause(name)
	if !ok {
		t.Fatalf("unknown cause %q", name)
	}
	return c
}

func printBatch(b report.Batch) string {
	var out strings.Builder
	for i := range b.States {
		fmt.Fprintln(&out, printState(&b.States[i]))
	}
	if a := b.Answer; a != nil {
		fmt.Fprintf(&out, "answer %d: unknown %v, taken %v", a.Round, a.Unknown, a.Taken)
		if a.Members > 0 {
			fmt.Fprintf(&out, ", members as of heartbeat %d", a.Members)
		}
		out.WriteByte('\n')
	}
	if h := b.Heartbeat; h != nil {
		fmt.Fprintf(&out, "heartbeat %d: %d blocked", h.Seq, h.Digest.Count)
		if h.Complete {
			out.WriteString(", complete")
		}
		if h.Part != (report.Part{}) {
			fmt.Fprintf(&out, " after %d through %d", h.Part.After, h.Part.Through)
		}
		for _, m := range h.Members {
			fmt.Fprintf(&out, ", %s consumes %s", m.Key.Process, m.Queue)
		}
		out.WriteByte('\n')
	}
	if err := (&report.Batch{Agent: b.Agent, States: b.States, Heartbeat: b.Heartbeat, Answer: b.Answer}).Validate(); err != nil {
		fmt.Fprintln(&out, err)
	}
	if out.Len() == 0 {
		return "nothing\n"
	}
	return out.String()
}

func printState(s *report.State) string {
	parts := []string{fmt.Sprintf("%s#%d seq %d:", s.Key.Process, s.Epoch, s.Seq)}
	switch {
	case s.Addition:
		parts = append(parts, "adds")
	case len(s.Waits) == 0:
		parts = append(parts, "active")
	case s.Need < len(s.Waits):
		parts = append(parts, fmt.Sprintf("waits for %d of", s.Need))
	default:
		parts = append(parts, "waits for")
	}
	for i := range s.Waits {
		parts = append(parts, string(s.Waits[i].Resource))
		if n := s.Waits[i].Refusals; n > 0 {
			parts = append(parts, fmt.Sprintf("(refused %d)", n))
		}
	}
	if len(s.Holds) > 0 && !s.Addition {
		parts = append(parts, "holding")
	}
	for i := range s.Holds {
		parts = append(parts, printHold(&s.Holds[i]))
	}
	if s.Ended != nil {
		parts = append(parts, fmt.Sprintf("(#%d ended: %v)", s.Ended.Epoch, s.Ended.Cause))
	}
	if s.Breach {
		parts = append(parts, "BREACH")
	}
	return strings.Join(parts, " ")
}

func printHold(h *report.Hold) string {
	text := string(h.Resource)
	if h.Queued {
		text += "(queued)"
	}
	if h.Closes {
		text += "(closes)"
	}
	for i, hop := range h.Chain {
		text += map[bool]string{true: "<-", false: ","}[i == 0] + hop.Key.Process
	}
	return text
}
