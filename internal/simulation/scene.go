package simulation

import (
	"fmt"
	"strings"
)

// scene describes the world and what the detector makes of it, for people who
// look for the reason of a mistake.
func (w *world) scene() string {
	var b strings.Builder
	for _, v := range w.net.detector.Verdicts() {
		fmt.Fprintf(&b, "%s (%s)\n", describe(&v), v.Reason)
		for _, m := range v.Core {
			fmt.Fprintf(&b, "  %s needs %d:", m.Key.Process, m.Need)
			for _, e := range m.Waits {
				fmt.Fprintf(&b, " %s in %q of %v;", e.Resource, e.Queue, e.Holders)
			}
			b.WriteByte('\n')
		}
	}
	for _, q := range w.queues {
		fmt.Fprintf(&b, "queue %s: %d ready, consumed by %v\n", q.name, len(q.ready), q.consumers)
	}
	for _, p := range w.procs {
		if p.blocked != nil {
			fmt.Fprintf(&b, "%v (watched %t) needs %d:%s\n", p, p.watched, p.blocked.need, p.blocked.scene(w.horizon))
		}
	}
	return b.String()
}

func (w *wait) scene(h *horizon) string {
	var b strings.Builder
	for _, r := range w.requests {
		fmt.Fprintf(&b, " %s in %s", r.reply, r.queue.name)
		for _, note := range []struct {
			name string
			on   bool
		}{{"over", r.over}, {"doubtful", h.doubtful(r)}, {"hidden", h.hidden(r)}} {
			if note.on {
				fmt.Fprintf(&b, " (%s)", note.name)
			}
		}
		if r.taker != nil {
			fmt.Fprintf(&b, " taken by %v", r.taker)
		}
		b.WriteByte(';')
	}
	if g := w.guard; g != nil {
		fmt.Fprintf(&b, " %s held by %v", g.name, g.holders)
	}
	if w.buffer != nil {
		fmt.Fprintf(&b, " %s drained by %v", w.buffer.buffer.name, w.buffer.buffer.drains)
	}
	if s := w.space; s != nil {
		fmt.Fprintf(&b, " %s of %d, taken %t", s.name, s.queue.limit, s.taken)
	}
	return b.String()
}
