package simulation

import "slices"

// open returns what a wait is for and is not granted already, by who can grant it.
func (w *wait) open(v view) [][]*process {
	switch {
	case w.guard != nil:
		return [][]*process{w.guard.holders}
	case w.buffer != nil:
		return [][]*process{w.buffer.buffer.drains}
	case w.space != nil:
		return [][]*process{w.space.queue.consumed(v)}
	}
	var all [][]*process
	for _, r := range w.requests {
		switch {
		case r.takenForGranted(v):
		case r.lies(v):
			all = append(all, r.queue.consumed(v))
		default:
			all = append(all, []*process{r.taker})
		}
	}
	return all
}

// behind returns who waits, through however many others, for somebody in core,
// without those.
func (w *world) behind(core, dead set) set {
	reached := make(set, len(w.procs))
	for again := true; again; {
		again = false
		for i, p := range w.procs {
			if !dead[i] || core[i] || reached[i] {
				continue
			}
			for _, by := range p.blocked.open(loose) {
				if slices.ContainsFunc(by, func(g *process) bool { return core[g.index] || reached[g.index] }) {
					reached[i], again = true, true
				}
			}
		}
	}
	return reached
}

// cores returns the provable cores, by the definition: strongly connected, and
// irreducible when everything outside is granted. What somebody outside can grant
// connects nobody.
func (w *world) cores() [][]*process {
	var found [][]*process
	todo := []set{w.deadlocked(provable)}
	for len(todo) > 0 {
		left := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		w.reduce(left, provable)
		parts := w.components(left)
		if len(parts) != 1 || !slices.Equal(parts[0], left) {
			todo = append(todo, parts...)
			continue
		}
		var core []*process
		for i, p := range w.procs {
			if left[i] {
				core = append(core, p)
			}
		}
		found = append(found, core)
	}
	return found
}

// components returns the strongly connected components of those left.
func (w *world) components(left set) []set {
	ahead := make([]set, len(w.procs))
	for i := range w.procs {
		if left[i] {
			ahead[i] = w.ahead(i, left)
		}
	}
	var all []set
	done := make(set, len(w.procs))
	for i := range w.procs {
		if !left[i] || done[i] || !ahead[i][i] {
			continue
		}
		part := make(set, len(w.procs))
		for j := range w.procs {
			part[j] = left[j] && ahead[i][j] && ahead[j][i]
			done[j] = done[j] || part[j]
		}
		all = append(all, part)
	}
	return all
}

// ahead returns for whom the process waits through however many others, where only
// those left can grant what is waited for.
func (w *world) ahead(from int, left set) set {
	seen := make(set, len(w.procs))
	todo := []*process{w.procs[from]}
	for len(todo) > 0 {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, by := range p.blocked.open(provable) {
			if outside(by, left) {
				continue
			}
			for _, g := range by {
				if !seen[g.index] {
					seen[g.index] = true
					todo = append(todo, g)
				}
			}
		}
	}
	return seen
}
