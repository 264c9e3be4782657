package detector

import "iter"

// table is a map that takes little room while it is small, as most are that a wait
// needs: a reply has one waiter and one holder. The zero table is empty.
type table[K comparable, V any] struct {
	few  []entry[K, V] // no more than maxFew; nil once there were more
	many map[K]V
}

// set is a table of keys alone.
type set[K comparable] = table[K, struct{}]

type entry[K comparable, V any] struct {
	value V // first, so that an empty one takes no room
	key   K
}

const maxFew = 8

func (t *table[K, V]) len() int { return len(t.few) + len(t.many) }

func (t *table[K, V]) get(k K) (v V, ok bool) {
	if t.many != nil {
		v, ok = t.many[k]
		return v, ok
	}
	if i := t.find(k); i >= 0 {
		return t.few[i].value, true
	}
	return v, false
}

func (t *table[K, V]) has(k K) bool {
	_, ok := t.get(k)
	return ok
}

func (t *table[K, V]) put(k K, v V) {
	if t.many == nil {
		i := t.find(k)
		switch {
		case i >= 0:
			t.few[i].value = v
			return
		case len(t.few) < maxFew:
			t.few = append(t.few, entry[K, V]{v, k})
			return
		}
		t.many = make(map[K]V, 2*maxFew)
		for _, e := range t.few {
			t.many[e.key] = e.value
		}
		t.few = nil
	}
	t.many[k] = v
}

func (t *table[K, V]) remove(k K) {
	if t.many != nil {
		delete(t.many, k)
		return
	}
	if i := t.find(k); i >= 0 {
		last := len(t.few) - 1
		t.few[i] = t.few[last]
		t.few[last] = entry[K, V]{}
		t.few = t.few[:last]
	}
}

// find returns the place of k in few, -1 if it is not there.
func (t *table[K, V]) find(k K) int {
	for i := range t.few {
		if t.few[i].key == k {
			return i
		}
	}
	return -1
}

// all yields the entries, in no order. The table must not change meanwhile.
func (t *table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for i := range t.few {
			if !yield(t.few[i].key, t.few[i].value) {
				return
			}
		}
		for k, v := range t.many {
			if !yield(k, v) {
				return
			}
		}
	}
}

// keys yields the keys, as all does.
func (t *table[K, V]) keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		for k := range t.all() {
			if !yield(k) {
				return
			}
		}
	}
}
