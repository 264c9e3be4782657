package detector_test

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// The traces in testdata drive a detector by hand. Agents a, b, ... are played
// by the script; process names are unique in a trace, so that a name alone
// says which process is meant.
//
//	state agent=a p=P epoch=1 waits=(r1,q:r2,lock:l) need=1 holds=(r3,lock:l)
//	      [ended=timeout] [add] [breach] [hop=(P:1:r1,...)] [refusals=1] [silent | lost]
//	    P's state from now on; it is sent at once unless silent; lost, it is
//	    sent and never arrives. In waits, x:r is reply r whose request lies in queue x, and space:x is space in
//	    that queue; in holds and waits lock:, permit:, buffer: and item: name the kind, and in waits =2 says that two
//	    can grant it. hop= is the chain of the last hold, in which r1? is a reply that its process can do without;
//	    refusals= is how often space was refused.
//	forget p=P          P's agent does not know it any more, and says so when it is asked
//	send p=P            send again what P's state was when it was last sent
//	answer [agent=a] [oldest] [taken=(r1)]   answer the questions asked of a, or only the oldest of each agent
//	unreachable agent=a
//	count queue=q consumers=2 ready=1 [err=text]
//	heartbeat agent=a [members=(P:q)] [complete] [leaving] [lost | seq=1]
//	    lost, it never arrives; with a number it is an earlier one.
//	tick 100ms
//	restart agent=a     its next incarnation
//	graph               print the whole graph
//	pools               print the queues with several consumers, and the figures about them
//	stats               print the figures
//	flows               print the waits by services, and those that timed out or nearly
//
// Every command prints what the detector wants done.
func TestTraces(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if filepath.Ext(path) != ".txt" {
			return // what the fuzzer has found
		}
		p := newPlay()
		datadriven.RunTest(t, path, func(t *testing.T, td *datadriven.TestData) string {
			return p.run(t, td)
		})
		p.replay(t)
	})
}

type play struct {
	d       *detector.Detector
	now     time.Time
	states  map[string]*report.State // by process: the truth
	sent    map[string]report.State
	agents  map[string]report.Agent
	seqs    map[string]uint64
	beats   map[report.Agent]*beats
	asked   []detector.Ask
	counts  []detector.CountQueue
	names   map[string]string // of verdicts
	moments []moment
}

var epochStart = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPlay() *play {
	p := &play{
		d: detector.New(detector.DefaultConfig()), now: epochStart,
		states: map[string]*report.State{}, sent: map[string]report.State{},
		agents: map[string]report.Agent{}, seqs: map[string]uint64{}, beats: map[report.Agent]*beats{}, names: map[string]string{},
	}
	return p
}

func (p *play) run(t *testing.T, td *datadriven.TestData) string {
	commands := map[string]func(*testing.T, *datadriven.TestData) []detector.Effect{
		"state": p.state, "send": p.resend, "answer": p.answer, "unreachable": p.unreachable,
		"count": p.count, "heartbeat": p.heartbeat, "tick": p.tick,
	}
	switch td.Cmd {
	case "graph":
		return p.graph()
	case "pools":
		return p.pools()
	case "stats":
		return p.stats()
	case "flows":
		return p.flows()
	case "forget":
		delete(p.states, arg(td, "p"))
		return ""
	case "restart":
		name := arg(td, "agent")
		p.agents[name] = report.Agent{Name: name, Incarnation: p.agent(name).Incarnation + 1}
		return ""
	}
	run, ok := commands[td.Cmd]
	if !ok {
		td.Fatalf(t, "unknown command %q", td.Cmd)
	}
	effects := run(t, td)
	verifyProofs(t, effects)
	return p.print(effects)
}

func arg(td *datadriven.TestData, key string) string {
	for _, a := range td.CmdArgs {
		if a.Key == key && len(a.Vals) == 1 {
			return a.Vals[0]
		}
	}
	return ""
}

func args(td *datadriven.TestData, key string) []string {
	for _, a := range td.CmdArgs {
		if a.Key == key {
			return a.Vals
		}
	}
	return nil
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

func (p *play) agent(name string) report.Agent {
	if a, ok := p.agents[name]; ok {
		return a
	}
	a := report.Agent{Name: name, Incarnation: 1}
	p.agents[name] = a
	return a
}

func (p *play) key(process string) report.Key {
	if s, ok := p.states[process]; ok {
		return s.Key
	}
	return report.Key{Agent: p.agent("?"), Process: process, Activation: 1}
}

func kindOf(s string) (report.Kind, string, report.Destination) {
	prefix, rest, ok := strings.Cut(s, ":")
	if !ok {
		return report.Reply, s, report.Destination{}
	}
	if prefix == "space" {
		return report.Buffer, s, report.Destination{Key: rest}
	}
	if k, ok := report.ParseKind(prefix); ok {
		return k, rest, report.Destination{}
	}
	return report.Reply, rest, report.Destination{Key: prefix}
}

func (p *play) state(_ *testing.T, td *datadriven.TestData) []detector.Effect {
	process := arg(td, "p")
	s := report.State{
		Key:   report.Key{Agent: p.agent(arg(td, "agent")), Process: process, Activation: 1},
		Epoch: number(arg(td, "epoch")), Addition: td.HasArg("add"), Breach: td.HasArg("breach"),
	}
	for _, w := range args(td, "waits") {
		w, holders, _ := strings.Cut(w, "=")
		kind, name, dest := kindOf(w)
		s.Waits = append(s.Waits, report.Wait{
			Resource: report.Resource(name), Kind: kind, Since: p.now,
			Deadline: p.now.Add(5 * time.Second), Destination: dest, Holders: int(number(holders)),
		})
		if kind == report.Buffer {
			s.Waits[len(s.Waits)-1].Refusals = int(number(arg(td, "refusals")))
		}
	}
	if s.Need = len(s.Waits); td.HasArg("need") {
		s.Need = int(number(arg(td, "need")))
	}
	for _, h := range args(td, "holds") {
		kind, name, _ := kindOf(h)
		s.Holds = append(s.Holds, report.Hold{Resource: report.Resource(name), Kind: kind})
	}
	for _, h := range args(td, "hop") {
		f := strings.Split(h, ":")
		last := &s.Holds[len(s.Holds)-1]
		n := len(f)
		last.Chain = append(last.Chain, report.Hop{
			Key: p.key(strings.Join(f[:n-2], ":")), Epoch: number(f[n-2]), Reply: report.Resource(strings.TrimSuffix(f[n-1], "?")),
			Deadline: p.now.Add(5 * time.Second), Partial: strings.HasSuffix(f[n-1], "?"),
		})
	}
	if c, ok := report.ParseCause(arg(td, "ended")); ok {
		s.Ended = &report.End{Epoch: number(arg(td, "epoch")), Cause: c}
	}
	if td.HasArg("silent") {
		p.know(s)
		return nil
	}
	p.seqs[process]++
	s.Seq = p.seqs[process]
	p.know(s)
	if td.HasArg("lost") {
		return nil
	}
	p.sent[process] = s
	return p.send(s.Key.Agent, s)
}

// know makes s the truth about its process.
func (p *play) know(s report.State) {
	if s.Addition {
		whole := *p.states[s.Key.Process]
		whole.Holds = append(slices.Clone(whole.Holds), s.Holds...)
		whole.Seq = s.Seq
		s = whole
	}
	p.states[s.Key.Process] = &s
}

func (p *play) send(a report.Agent, states ...report.State) []detector.Effect {
	return p.step(detector.Reported{Batch: &report.Batch{Agent: a, Service: a.Name, States: states}})
}

func (p *play) step(e detector.Event) []detector.Effect {
	p.now = p.now.Add(time.Millisecond)
	return p.tell(e)
}

func (p *play) resend(_ *testing.T, td *datadriven.TestData) []detector.Effect {
	s := p.sent[arg(td, "p")]
	return p.send(s.Key.Agent, s)
}

func (p *play) answer(t *testing.T, td *datadriven.TestData) []detector.Effect {
	var effects []detector.Effect
	asked := p.asked
	p.asked = nil
	answered := map[report.Agent]bool{}
	for _, q := range asked {
		if only := arg(td, "agent"); only != "" && only != q.Agent.Name || td.HasArg("oldest") && answered[q.Agent] {
			p.asked = append(p.asked, q)
			continue
		}
		answered[q.Agent] = true
		b := report.Batch{Agent: q.Agent, Service: q.Agent.Name, Answer: &report.Answer{Round: q.Question.Round, Members: p.beat(q.Agent).since}}
		for _, k := range q.Question.Processes {
			s, ok := p.states[k.Process]
			if !ok || s.Key != k {
				b.Answer.Unknown = append(b.Answer.Unknown, k)
				continue
			}
			p.seqs[k.Process]++
			s.Seq = p.seqs[k.Process]
			b.States = append(b.States, *s)
		}
		for _, r := range args(td, "taken") {
			b.Answer.Taken = append(b.Answer.Taken, report.Resource(r))
		}
		if err := b.Validate(); err != nil {
			td.Fatalf(t, "%v", err)
		}
		effects = append(effects, p.step(detector.Reported{Batch: &b})...)
	}
	return effects
}

func (p *play) unreachable(_ *testing.T, td *datadriven.TestData) []detector.Effect {
	var effects []detector.Effect
	for _, q := range p.asked {
		if q.Agent.Name == arg(td, "agent") {
			effects = append(effects, p.step(detector.Unreachable{Agent: q.Agent, Round: q.Question.Round})...)
		}
	}
	p.asked = slices.DeleteFunc(p.asked, func(q detector.Ask) bool { return q.Agent.Name == arg(td, "agent") })
	return effects
}

func (p *play) count(_ *testing.T, td *datadriven.TestData) []detector.Effect {
	c := detector.QueueCounted{
		Queue: arg(td, "queue"), Consumers: int(number(arg(td, "consumers"))), Ready: int(number(arg(td, "ready"))), Err: arg(td, "err"),
	}
	for _, asked := range p.counts {
		if asked.Queue == c.Queue {
			c.Round = asked.Round
		}
	}
	return p.step(c)
}

// beats are the heartbeats of one incarnation of an agent.
type beats struct {
	seq     uint64          // of the last one
	since   uint64          // the first with the same members
	members []report.Member // of the last one
}

func (p *play) beat(a report.Agent) *beats {
	if p.beats[a] == nil {
		p.beats[a] = new(beats)
	}
	return p.beats[a]
}

func (p *play) heartbeat(_ *testing.T, td *datadriven.TestData) []detector.Effect {
	a := p.agent(arg(td, "agent"))
	sent := p.beat(a)
	sent.seq++
	h := &report.Heartbeat{Seq: sent.seq, Complete: td.HasArg("complete"), Leaving: td.HasArg("leaving")}
	for _, m := range args(td, "members") {
		i := strings.LastIndex(m, ":")
		h.Members = append(h.Members, report.Member{
			Key: report.Key{Agent: a, Process: m[:i], Activation: 1}, Queue: m[i+1:],
		})
	}
	switch {
	case td.HasArg("seq"):
		h.Seq = number(arg(td, "seq"))
		sent.seq--
	case !slices.Equal(h.Members, sent.members):
		sent.members, sent.since = h.Members, h.Seq
	}
	b := &report.Batch{Agent: a, Service: a.Name, Heartbeat: h}
	for _, name := range sortedKeys(p.states) {
		if s := p.states[name]; s.Key.Agent == a && len(s.Waits) > 0 && s.Seq > 0 {
			h.Digest.Add(s.Key, s.Epoch, s.Seq)
			if h.Complete {
				b.States = append(b.States, *s)
			}
		}
	}
	if td.HasArg("lost") {
		return nil
	}
	return p.step(detector.Reported{Batch: b})
}

func (p *play) tick(t *testing.T, td *datadriven.TestData) []detector.Effect {
	for by, err := time.ParseDuration(td.CmdArgs[0].Key); by > 0; by -= 50 * time.Millisecond {
		if err != nil {
			td.Fatalf(t, "%v", err)
		}
		p.now = p.now.Add(min(by, 50*time.Millisecond))
		if effects := p.tell(nil); len(effects) > 0 {
			return effects
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
