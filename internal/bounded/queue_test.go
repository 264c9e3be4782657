package bounded

import "testing"

func TestQueue(t *testing.T) {
	q := New[string](2, 10)
	offer := func(x string, bytes int64, want bool) {
		t.Helper()
		if got := q.Offer(x, bytes); got != want {
			t.Errorf("%s of %d bytes: taken %v", x, bytes, got)
		}
	}
	offer("too large", 11, false)
	offer("first", 6, true)
	offer("too much", 5, false)
	offer("second", 4, true)
	first := <-q.C
	if first.Value != "first" || first.Bytes != 6 {
		t.Errorf("%+v", first)
	}
	offer("while the first is in hand", 1, false)
	q.Release(first.Bytes)
	offer("third", 5, true)
	offer("too many", 1, false) // and what it took is given back:
	if !q.Room.TryAcquire(1) || q.Room.TryAcquire(1) {
		t.Error("not 9 of 10 bytes are taken")
	}
}
