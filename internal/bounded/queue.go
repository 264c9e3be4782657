// Package bounded has a queue that is bounded in number and in bytes, for what must
// neither wait nor take memory without end: what does not fit is refused at once.
package bounded

import "golang.org/x/sync/semaphore"

// Queue is a channel of items that together take no more than so many bytes: those
// that wait, and those in hand until Release. Close C when nothing more comes.
type Queue[T any] struct {
	C    chan Item[T]
	Room *semaphore.Weighted // what is left of the bytes
}

// Item is something in a queue, and what it takes of its bytes.
type Item[T any] struct {
	Value T
	Bytes int64
}

// New returns a queue for so many items and bytes.
func New[T any](items int, bytes int64) Queue[T] {
	return Queue[T]{make(chan Item[T], items), semaphore.NewWeighted(bytes)}
}

// Offer puts an item into the queue, and reports whether there was room. It never
// blocks. It is safe for concurrent use, but not with the closing of C.
func (q *Queue[T]) Offer(x T, bytes int64) bool {
	if !q.Room.TryAcquire(bytes) {
		return false
	}
	select {
	case q.C <- Item[T]{x, bytes}:
		return true
	default:
		q.Room.Release(bytes)
		return false
	}
}

// Release gives back the bytes of items that are done with.
func (q *Queue[T]) Release(bytes int64) { q.Room.Release(bytes) }
