package svg

import (
	"cmp"
	"slices"
	"strconv"
)

// Sizes in pixels.
const (
	margin     = 16
	headHeight = 34 // of the picture
	tabHeight  = 24 // of a service: its name
	lineHeight = 17
	padding    = 10
	boxGap     = 14
	groupGap   = 26 // between processes that have nothing to do with one another
	columnGap  = 96
	minWidth   = 110
)

// sweeps is how often the boxes of the columns are sorted by where their
// neighbours are. More change little.
const sweeps = 6

// arrange gives each box its place.
func (p *picture) arrange() {
	p.makeColumns()
	groups := p.makeGroups()
	p.measure()
	y := margin + headHeight + tabHeight
	for _, g := range groups {
		y = p.stack(g, y) + groupGap
	}
	p.height = max(y-groupGap, margin+headHeight) + padding + margin
	p.width = max(p.width, 460)
}

// makeColumns orders the services: each is followed by those it waits for, unless
// they wait for one another.
func (p *picture) makeColumns() {
	left := make(map[string]map[string]int) // who waits for a service, how often
	for _, b := range p.boxes {
		if left[b.node.Service] == nil {
			left[b.node.Service] = make(map[string]int)
		}
		for _, waiter := range b.from {
			if waiter.node.Service != b.node.Service {
				left[b.node.Service][waiter.node.Service]++
			}
		}
	}
	number := make(map[string]int)
	for len(left) > 0 {
		next := leastWaitedFor(left)
		delete(left, next)
		for _, waiters := range left {
			delete(waiters, next)
		}
		number[next] = len(p.columns)
		p.columns = append(p.columns, column{service: next})
	}
	for _, b := range p.boxes {
		b.column = number[b.node.Service]
	}
}

// leastWaitedFor returns a service, of equal ones the first by name.
func leastWaitedFor(left map[string]map[string]int) string {
	best, least := "", -1
	for name, waiters := range left {
		n := 0
		for _, count := range waiters {
			n += count
		}
		if least < 0 || n < least || n == least && name < best {
			best, least = name, n
		}
	}
	return best
}

// makeGroups returns the boxes by whom they have to do with, deadlocks first.
func (p *picture) makeGroups() [][]*box {
	var groups [][]*box
	seen := make(map[*box]bool)
	for _, first := range p.boxes {
		if seen[first] {
			continue
		}
		seen[first] = true
		group := []*box{first}
		for i := 0; i < len(group); i++ {
			for _, b := range slices.Concat(group[i].to, group[i].from) {
				if !seen[b] {
					seen[b] = true
					group = append(group, b)
				}
			}
		}
		groups = append(groups, group)
	}
	urgency := map[state]int{core: 0, behind: 1, free: 2}
	urgent := func(a, b *box) int { return cmp.Compare(urgency[a.state], urgency[b.state]) }
	slices.SortStableFunc(groups, func(a, b []*box) int {
		return urgent(slices.MinFunc(a, urgent), slices.MinFunc(b, urgent))
	})
	return groups
}

// measure gives boxes their size, and columns their place.
func (p *picture) measure() {
	for _, b := range p.boxes {
		w := 0
		b.lines = b.write(p.graph.At)
		for _, l := range b.lines {
			w = max(w, textWidth(l.text))
		}
		b.h = lineHeight*len(b.lines) + padding
		c := &p.columns[b.column]
		c.w = max(c.w, w+2*padding, minWidth, textWidth(cut(serviceName(c.service))))
	}
	x := margin + padding
	for i := range p.columns {
		p.columns[i].x = x
		x += p.columns[i].w + columnGap
	}
	p.width = x + margin
	for _, b := range p.boxes {
		b.x, b.w = p.columns[b.column].x, p.columns[b.column].w
	}
}

// stack places a group from y on, and returns where it ends.
func (p *picture) stack(group []*box, y int) (bottom int) {
	columns := make([][]*box, len(p.columns))
	for _, b := range group {
		columns[b.column] = append(columns[b.column], b)
	}
	for range sweeps {
		for _, c := range columns {
			slices.SortStableFunc(c, func(a, b *box) int { return cmp.Compare(a.pull(), b.pull()) })
			end := y
			for _, b := range c {
				b.y = end
				end += b.h + boxGap
			}
			bottom = max(bottom, end-boxGap)
		}
	}
	return bottom
}

// pull is the mean height of whom a box is connected with.
func (b *box) pull() float64 {
	sum := 0
	for _, n := range slices.Concat(b.to, b.from) {
		sum += n.y
	}
	return float64(sum) / float64(max(len(b.to)+len(b.from), 1))
}

// mostLetters is how much of a name is shown.
const mostLetters = 44

// cut shortens a text in the middle: what tells names apart is at their ends.
func cut(s string) string {
	r := []rune(s)
	if len(r) <= mostLetters {
		return s
	}
	return string(r[:mostLetters/2-1]) + "…" + string(r[len(r)-mostLetters/2:])
}

// textWidth is about how wide a text is. From the Hangul letters on, most are
// twice as wide as a Latin one.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		if n++; r >= '\u1100' && r != '…' {
			n++
		}
	}
	return n * 73 / 10
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
