package history

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"unicode"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
)

// Fingerprint returns the name of a verdict's pattern: 16 hexadecimal digits.
func Fingerprint(v *explain.Verdict) string {
	members := make([]string, 0, len(v.Core))
	for i := range v.Core {
		p := &v.Core[i]
		if v.Kind == detector.Knot && p.WaitCount > len(p.Waits) {
			continue // the waits that there was no room for do not make it another pattern
		}
		members = append(members, member(p))
	}
	if v.Kind == detector.Knot {
		slices.Sort(members)
		members = slices.Compact(members)
	} else {
		members = leastRotation(members)
	}
	sum := sha256.Sum256([]byte(string(v.Kind) + "\x00" + strings.Join(members, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// member returns what of a process and its waits belongs to the pattern.
func member(p *explain.Process) string {
	waits := make([]string, len(p.Waits))
	for i := range p.Waits {
		w := &p.Waits[i]
		name := cmp.Or(w.Queue, w.Key)
		if w.Kind != "reply" {
			name = w.Resource // a reply's is never seen again
		}
		waits[i] = w.Kind + "\x02" + family(w.Exchange) + "\x02" + family(name)
	}
	slices.Sort(waits)
	return p.Service + "\x01" + family(p.Name) + "\x01" + strings.Join(waits, "\x01")
}

// family returns a name without what looks like an ID in it: what follows the
// first of : @ # and !, hexadecimal words of eight digits and more, and decimal digits.
func family(name string) string {
	if i := strings.IndexAny(name, ":@#!"); i > 0 {
		name = name[:i]
	}
	var b strings.Builder
	for word := range words(name) {
		if len(word) >= 8 && strings.ContainsAny(word, "0123456789") && strings.Trim(word, "0123456789abcdefABCDEF") == "" {
			b.WriteByte('*')
			continue
		}
		digits := false
		for _, r := range word {
			if unicode.IsDigit(r) {
				if !digits {
					b.WriteByte('*')
				}
				digits = true
				continue
			}
			digits = false
			b.WriteRune(r)
		}
	}
	return b.String()
}

// words divides a name into runs of letters and digits and what stands between.
func words(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i, r := range name {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				continue
			}
			if i > start && !yield(name[start:i]) || !yield(string(r)) {
				return
			}
			start = i + len(string(r))
		}
		if start < len(name) {
			yield(name[start:])
		}
	}
}

// leastRotation returns the rotation of a ring that comes first in order.
func leastRotation(ring []string) []string {
	n, a, b, same := len(ring), 0, 1, 0
	for a < n && b < n && same < n {
		switch x, y := ring[(a+same)%n], ring[(b+same)%n]; {
		case x == y:
			same++
			continue
		case x > y:
			a += same + 1
		default:
			b += same + 1
		}
		if a == b {
			b++
		}
		same = 0
	}
	start := min(a, b)
	return slices.Concat(ring[start:], ring[:start])
}
