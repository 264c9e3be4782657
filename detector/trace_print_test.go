package detector_test

import (
	"fmt"
	"strings"

	"github.com/waitgraph/waitgraph/detector"
)

func (p *play) print(effects []detector.Effect) string {
	var b strings.Builder
	for _, e := range effects {
		switch e := e.(type) {
		case detector.Ask:
			p.asked = append(p.asked, e)
			fmt.Fprintf(&b, "ask %s about", e.Agent.Name)
			if e.Question.Everything {
				b.WriteString(" everything")
			}
			for _, k := range e.Question.Processes {
				fmt.Fprintf(&b, " %s", k.Process)
			}
			for _, r := range e.Question.Replies {
				fmt.Fprintf(&b, " (taken %s?)", r)
			}
			b.WriteString("\n")
		case detector.CountQueue:
			p.counts = append(p.counts, e)
			fmt.Fprintf(&b, "count queue %s\n", e.Queue)
		case detector.Announce:
			p.printVerdict(&b, &e)
		}
	}
	if b.Len() == 0 {
		return "silence\n"
	}
	return b.String()
}

func (p *play) printVerdict(b *strings.Builder, e *detector.Announce) {
	v := &e.Verdict
	if p.names[v.ID] == "" {
		p.names[v.ID] = fmt.Sprintf("v%d", len(p.names)+1)
	}
	fmt.Fprintf(b, "%s %s %s:", p.names[v.ID], v.Status, v.Kind)
	for _, m := range v.Core {
		b.WriteString(" " + memberString(&m))
	}
	if len(v.Collateral) > 0 {
		b.WriteString(" | behind it:")
		for _, m := range v.Collateral {
			b.WriteString(" " + memberString(&m))
		}
	}
	for _, note := range []struct {
		name string
		on   bool
	}{{"again", e.Again}, {"in band", v.InBand}, {"contradicted", v.Contradicted}} {
		if note.on {
			fmt.Fprintf(b, " [%s]", note.name)
		}
	}
	if v.Cause != "" {
		fmt.Fprintf(b, " by %s", v.Cause)
	}
	if v.Reason != "" {
		fmt.Fprintf(b, " (%s)", v.Reason)
	}
	b.WriteString("\n")
}

func memberString(m *detector.Member) string {
	var waits []string
	for _, e := range m.Waits {
		var holders []string
		for _, h := range e.Holders {
			holders = append(holders, h.Process)
		}
		at := string(e.Resource)
		if e.Queue != "" {
			at += " in " + e.Queue
		}
		waits = append(waits, at+"->"+strings.Join(holders, "|"))
	}
	need := ""
	if len(m.Waits) > 1 {
		need = fmt.Sprintf("%d of ", m.Need)
	}
	return fmt.Sprintf("%s(%s%s)", m.Key.Process, need, strings.Join(waits, ", "))
}

func (p *play) pools() string {
	var b strings.Builder
	for _, q := range p.d.Snapshot().Pools {
		mark := ""
		if q.LastWorker {
			mark = " last worker"
		}
		fmt.Fprintf(&b, "%s: %d of %d blocked, %d waiting%s\n", q.Queue, q.Blocked, q.Workers, q.Waiting, mark)
	}
	s := p.d.Stats()
	fmt.Fprintf(&b, "last workers: %d, so far %d\n", s.LastWorkers, s.LastWorkersSeen)
	return b.String()
}

func (p *play) graph() string {
	var b strings.Builder
	for _, q := range p.d.Snapshot().Processes {
		mark := ""
		if q.Hint {
			mark += " hint"
		}
		if q.Deadlocked {
			mark += " deadlocked"
		}
		if q.Verdict != "" {
			mark += " in " + p.names[q.Verdict]
		}
		if len(q.Waits) == 0 {
			fmt.Fprintf(&b, "%s active\n", q.Key.Process)
			continue
		}
		fmt.Fprintf(&b, "%s%s\n", memberString(&q.Member), mark)
	}
	if b.Len() == 0 {
		return "empty\n"
	}
	return b.String()
}

func (p *play) stats() string {
	s := p.d.Stats()
	return fmt.Sprintf("agents %d, blocked %d, waits %d, deadlocked %d, standing %d, recovering %t\n"+
		"reports %d, stale %d, gaps %d, rejected %d, contradicted %d, breaches %d\n",
		s.Agents, s.Processes, s.Waits, s.Deadlocked, s.Standing, s.Recovering,
		s.Reports, s.Stale, s.Gaps, s.Rejected, s.Contradicted, s.Breaches)
}

func (p *play) flows() string {
	var b strings.Builder
	s := p.d.Stats()
	for _, f := range s.Flows {
		if f.Waited > 0 || f.Waits > 0 {
			fmt.Fprintf(&b, "%s -> %s by %s: waits %d, deadlocked %d, waited %.3f s, stuck %.3f s\n",
				f.Waiter, f.Holder, f.Kind, f.Waits, f.Deadlocked, f.Waited, f.Stuck)
		}
	}
	for _, f := range []struct {
		what string
		of   detector.Foresight
	}{{"near timeout", s.Near}, {"timed out", s.TimedOut}} {
		fmt.Fprintf(&b, "%s: confirmed %d, suspected %d, none %d\n", f.what, f.of.Confirmed, f.of.Suspected, f.of.None)
	}
	return b.String()
}
