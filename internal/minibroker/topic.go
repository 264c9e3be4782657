package minibroker

import "strings"

// topicMatches reports whether a key, words joined by dots, matches a pattern in
// which * stands for one word and # for any number of words, none included.
//
// It walks both once and, where a word does not fit, lets the latest # take one
// word more: at most len(pattern) * len(key) steps.
func topicMatches(pattern, key string) bool {
	p, k := newWords(pattern), newWords(key)
	var afterHash, taken words
	hashed := false
	for !k.done() {
		switch word := p.head(); {
		case !p.done() && word == "#":
			p = p.tail()
			afterHash, taken, hashed = p, k, true
		case !p.done() && (word == "*" || word == k.head()):
			p, k = p.tail(), k.tail()
		case hashed:
			taken = taken.tail()
			p, k = afterHash, taken
		default:
			return false
		}
	}
	for !p.done() && p.head() == "#" {
		p = p.tail()
	}
	return p.done()
}

// words is what is left of a dotted key. The empty key has no word, while "a."
// has two of which the second is empty.
type words struct {
	rest string
	some bool
}

func newWords(key string) words { return words{rest: key, some: key != ""} }

func (w words) done() bool { return !w.some }

func (w words) head() string {
	head, _, _ := strings.Cut(w.rest, ".")
	return head
}

func (w words) tail() words {
	_, rest, more := strings.Cut(w.rest, ".")
	return words{rest: rest, some: more}
}
