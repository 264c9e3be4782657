package simulation

import "time"

// crowd is what the detector can know of the consumers of a queue.
type crowd struct {
	counting int       // counts that were asked for and are not back
	most     int       // consumers that were told of since the first of them was
	strange  int       // how many the broker counted last, if more than most
	loose    bool      // the last count was of more than were told of
	tight    time.Time // when it was not any more
}

// strangers says whether a request lay in its queue while that had consumers of whom
// nobody had told.
type strangers struct {
	ever bool // as it may have seemed
	// evident says that it must have seemed so while the detector knew of the request:
	// the broker has counted so many more.
	evident   bool
	consumers int
}

// grace is how long a detector may take to find that a queue has no strangers any more.
const grace = time.Second

func (h *horizon) crowd(q *queue) *crowd {
	c := h.crowds[q]
	if c == nil {
		c = new(crowd)
		h.crowds[q] = c
	}
	return c
}

// known returns how many consumers of a queue were told of, by agents that are heard
// and by all that ever were.
func (h *horizon) known(q *queue) (present, ever int) {
	for _, a := range h.agents {
		for _, m := range a.members {
			if m.Queue != q.name {
				continue
			}
			ever++
			if !a.over {
				present++
			}
		}
	}
	return present, ever
}

// meet takes note of the consumers that are told of. Of a queue without any nothing is
// remembered.
func (h *horizon) meet() {
	for q, c := range h.crowds {
		present, ever := h.known(q)
		c.most = max(c.most, ever)
		if present == 0 {
			c.strange = 0
		}
	}
}

// ask takes note that the broker is asked to count a queue.
func (h *horizon) ask(q *queue) {
	if h == nil {
		return
	}
	c := h.crowd(q)
	if c.counting == 0 {
		_, c.most = h.known(q)
	}
	c.counting++
}

// tell takes note of how many consumers the broker has counted, as the detector is
// told.
func (h *horizon) tell(q *queue, consumers int) {
	if h == nil {
		return
	}
	c := h.crowd(q)
	c.counting--
	present, _ := h.known(q)
	if loose := consumers > present; loose != c.loose {
		c.loose, c.tight = loose, h.w.now
	}
	if c.strange = 0; consumers > c.most {
		c.strange = consumers
	}
	for _, p := range h.w.procs {
		if p.blocked == nil {
			continue
		}
		for _, r := range p.blocked.requests {
			if r.queue != q {
				continue
			}
			s := h.strangers[r]
			s.ever = s.ever || c.loose
			switch {
			case c.strange > 0 && h.waiting[r.reply] == r:
				s.evident, s.consumers = true, max(s.consumers, consumers)
			case consumers >= s.consumers:
				s.evident = false
			}
			h.strangers[r] = s
		}
	}
	h.w.changed = true
}

// sent takes note of a request that may come to lie among strangers.
func (h *horizon) sent(r *request) {
	if h == nil {
		return
	}
	if c := h.crowd(r.queue); c.loose || h.w.now.Sub(c.tight) < grace {
		h.strangers[r] = strangers{ever: true}
	}
}

// inherit takes note of a request of which the detector hears.
func (h *horizon) inherit(r *request) {
	if c := h.crowd(r.queue); c.strange > 0 {
		h.strangers[r] = strangers{ever: true, evident: true, consumers: c.strange}
		h.w.changed = true
	}
}
