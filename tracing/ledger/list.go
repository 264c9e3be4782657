package ledger

// The two lists that a process can be in.
const (
	pendingSlot = iota
	dirtySlot
)

type link struct {
	prev, next *Process
	linked     bool
}

// list is a first-in, first-out list through the links of its processes: adding
// and removing cost O(1) and no memory.
type list struct {
	slot        int
	first, last *Process
	len         int
}

func (p *Process) in(slot int) bool { return p.links[slot].linked }

// push appends p, unless it is in the list.
func (q *list) push(p *Process) {
	if p.in(q.slot) {
		return
	}
	p.links[q.slot] = link{prev: q.last, linked: true}
	if q.last == nil {
		q.first = p
	} else {
		q.last.links[q.slot].next = p
	}
	q.last = p
	q.len++
}

// remove takes p out, if it is in the list.
func (q *list) remove(p *Process) {
	if !p.in(q.slot) {
		return
	}
	l := p.links[q.slot]
	if l.prev == nil {
		q.first = l.next
	} else {
		l.prev.links[q.slot].next = l.next
	}
	if l.next == nil {
		q.last = l.prev
	} else {
		l.next.links[q.slot].prev = l.prev
	}
	p.links[q.slot] = link{}
	q.len--
}
