package ledger

import (
	"slices"
	"time"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Block begins a wait epoch: p is blocked until need of waits are granted. If p
// is blocked already, on all of its waits, and needs all of the new ones, they
// join the present epoch: two goroutines of one process wait, and it goes on
// when both can. If one of them may have been waited for in that epoch already,
// another one begins. Otherwise ok is false and nothing has changed: the second
// wait must be another process's.
func (l *Ledger) Block(now time.Time, p *Process, need int, waits ...report.Wait) (epoch uint64, ok bool) {
	if p == nil || p.stopped {
		return 0, false
	}
	if need < 1 || need > len(waits) || len(p.waits)+len(waits) > report.MaxWaits || !sound(p, waits) {
		l.stats.Unseen++
		return 0, false
	}
	if p.blocked() {
		return l.join(p, need, waits)
	}
	l.stats.Blocked++
	l.lastEpoch++
	p.epoch, p.need, p.since = l.lastEpoch, need, now
	p.dropped, p.left, p.stale = false, p.left[:0], true
	p.waits = appendWaits(p.waits[:0], waits)
	p.calm = p.queued == 0 && p.owned == 0 && !p.waitsForOthers()
	if p.calm {
		l.pending.push(p)
	} else {
		l.report(p)
	}
	return p.epoch, true
}

func (l *Ledger) join(p *Process, need int, waits []report.Wait) (epoch uint64, ok bool) {
	if p.need < len(p.waits) || need < len(waits) {
		return 0, false
	}
	p.waits = appendWaits(p.waits, waits)
	p.need += need
	if p.waitsForOthers() {
		p.calm = false
		l.report(p)
	}
	l.changed(p)
	if slices.ContainsFunc(waits, func(w report.Wait) bool { return p.waitedFor(w.Resource) }) {
		l.renew(p)
	}
	return p.epoch, true
}

// maxLeft is how many waits that ended are remembered in one epoch. With so many
// any name may be one of them, so that the next wait begins another epoch.
const maxLeft = 256

// remember notes that a wait ended in the present epoch.
func (p *Process) remember(r report.Resource) {
	if len(p.left) < maxLeft {
		p.left = append(p.left, hash(r))
	}
}

// waitedFor reports whether a wait for r may have ended in the present epoch.
func (p *Process) waitedFor(r report.Resource) bool {
	return len(p.left) == maxLeft || (len(p.left) > 0 && slices.Contains(p.left, hash(r)))
}

// sound reports whether p can wait for these besides what it waits for.
func sound(p *Process, waits []report.Wait) bool {
	seen := func(r report.Resource, before []report.Wait) bool {
		return slices.ContainsFunc(before, func(w report.Wait) bool { return w.Resource == r })
	}
	for i := range waits {
		r := waits[i].Resource
		if !waits[i].Kind.Valid() || !proper(string(r), 2*report.MaxName) || p.waitsFor(r) || seen(r, waits[:i]) {
			return false
		}
	}
	return true
}

// appendWaits leaves out destinations and figures that a report could not carry,
// and counts refusals from here on.
func appendWaits(to, waits []report.Wait) []report.Wait {
	for _, w := range waits {
		d := &w.Destination
		if (d.Exchange != "" && !proper(d.Exchange, report.MaxName)) || (d.Key != "" && !proper(d.Key, report.MaxName)) {
			*d = report.Destination{}
		}
		w.Holders, w.Refusals = reportable(w.Holders), 0
		to = append(to, w)
	}
	return to
}

// Vouch notes that so many processes can grant r, for which p waits. The figure
// that was told stands for the whole of an epoch, so another one begins.
func (l *Ledger) Vouch(p *Process, r report.Resource, holders int) {
	if p == nil {
		return
	}
	holders = reportable(holders)
	for i := range p.waits {
		if w := &p.waits[i]; w.Resource == r && w.Holders != holders {
			w.Holders = holders
			l.changed(p)
			l.renew(p)
		}
	}
}

// Refused notes that p's own try for r, for which it waits, was refused once more.
func (l *Ledger) Refused(p *Process, r report.Resource) {
	if p == nil {
		return
	}
	for i := range p.waits {
		if w := &p.waits[i]; w.Resource == r && w.Refusals < report.MaxRefusals {
			w.Refusals++
			l.changed(p)
		}
	}
}

// reportable returns holders, 0 if a report could not carry it.
func reportable(holders int) int {
	if holders < 0 || holders > report.MaxHolders {
		return 0
	}
	return holders
}

// waitsForOthers reports whether p waits for what somebody must give back or
// make: what no call chain tells of. To wait for an item is to be idle.
func (p *Process) waitsForOthers() bool {
	for i := range p.waits {
		if k := p.waits[i].Kind; k != report.Reply && k != report.Item {
			return true
		}
	}
	return false
}

// Grant notes that one of the resources that p waits for was granted. It
// reports whether that was all p needed, and has then ended the epoch.
func (l *Ledger) Grant(_ time.Time, p *Process, r report.Resource) (free bool) {
	return p != nil && l.grant(p, r)
}

func (l *Ledger) grant(p *Process, r report.Resource) (free bool) {
	for i := range p.waits {
		if p.waits[i].Resource != r {
			continue
		}
		p.waits = slices.Delete(p.waits, i, i+1)
		if p.need--; p.need == 0 {
			l.end(p, report.Granted)
			return true
		}
		p.remember(r)
		l.changed(p)
		return false
	}
	return false
}

// Unblock ends the present epoch of p, if it is in one.
func (l *Ledger) Unblock(_ time.Time, p *Process, cause report.Cause) {
	if p != nil && p.blocked() {
		l.end(p, cause)
	}
}

// Withdraw ends waits by cause, and when none is left, the epoch. So it does when
// p may go on sooner for it, granted nothing: fewer are left than p needed, and the
// cause is no grant. If that epoch was reported, another begins for those that are
// left. To lose an alternative frees nobody, and ends no epoch.
func (l *Ledger) Withdraw(_ time.Time, p *Process, cause report.Cause, rs ...report.Resource) {
	if p == nil || !p.blocked() {
		return
	}
	before := len(p.waits)
	p.waits = slices.DeleteFunc(p.waits, func(w report.Wait) bool { return slices.Contains(rs, w.Resource) })
	left := len(p.waits)
	switch {
	case left == 0:
		l.end(p, cause)
	case left < before:
		for _, r := range rs {
			p.remember(r)
		}
		l.changed(p)
		if left < p.need && cause != report.Granted && p.numbered == p.epoch {
			p.over(cause)
			l.renew(p)
		}
		p.need = min(p.need, left)
	}
}

// end ends the epoch of a blocked process. Of a wait that was never reported
// there is nothing to report.
func (l *Ledger) end(p *Process, cause report.Cause) {
	l.stats.Blocked--
	clear(p.waits)
	p.waits, p.need, p.stale = p.waits[:0], 0, true
	l.pending.remove(p)
	if p.numbered == p.epoch {
		p.over(cause)
	}
	switch {
	case p.numbered != 0 || p.public != 0:
		l.report(p)
	case p.shared == 0 && !p.notable:
		l.dirty.remove(p)
	}
	p.notable = p.notable || p.shared > 0 && p.in(dirtySlot)
}

// over notes how the present epoch ended, which was reported.
func (p *Process) over(cause report.Cause) {
	p.ended = report.End{Epoch: p.epoch, Cause: cause}
}

// renew begins another epoch with the waits that there are. If the one before was
// reported, nobody learns how its waits end, so that none will pass for granted,
// unless that was noted.
func (l *Ledger) renew(p *Process) {
	l.lastEpoch++
	p.epoch, p.dropped, p.left, p.stale = l.lastEpoch, false, p.left[:0], true
}

// changed notes that a blocked process is not as it was reported.
func (l *Ledger) changed(p *Process) {
	p.stale = true
	if p.numbered == p.epoch || p.public == p.epoch || (p.in(dirtySlot) && !p.in(pendingSlot)) {
		l.report(p)
	}
}

// report puts p among those to be reported, in full.
func (l *Ledger) report(p *Process) {
	l.pending.remove(p)
	p.whole, p.stale = true, true
	l.dirty.push(p)
}
