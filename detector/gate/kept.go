package gate

import (
	"sync"
	"time"
)

// renewal is after how long what is used is read again.
const renewal = 10 * time.Second

// kept is a value that is read again while it is used.
type kept[T any] struct {
	read    func() (T, error)
	trouble func(error)

	mu    sync.Mutex
	value T
	until time.Time
}

// keep reads a value for the first time.
func keep[T any](read func() (T, error), trouble func(error)) (*kept[T], error) {
	value, err := read()
	if err != nil {
		return nil, err
	}
	return &kept[T]{read: read, trouble: trouble, value: value, until: time.Now().Add(renewal)}, nil
}

// get returns the value as it was at most renewal ago or, if it cannot be read
// any more, as it last was.
func (k *kept[T]) get() T {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.After(k.until) {
		k.until = now.Add(renewal)
		if value, err := k.read(); err != nil {
			k.trouble(err)
		} else {
			k.value = value
		}
	}
	return k.value
}
