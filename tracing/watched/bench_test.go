package watched_test

import (
	"context"
	"sync"
	"testing"

	"golang.org/x/sync/semaphore"

	"github.com/waitgraph/waitgraph/tracing"
	"github.com/waitgraph/waitgraph/tracing/watched"
)

// What an operation costs that nobody contends for, beside what does the same
// unwatched.

func observed(b *testing.B) (*tracing.Process, context.Context) {
	b.Helper()
	agent, err := tracing.New(tracing.Config{Service: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(agent.Close)
	p := agent.Process("p")
	return p, tracing.WithProcess(b.Context(), p)
}

func BenchmarkLock(b *testing.B) {
	b.Run("sync", func(b *testing.B) {
		var m sync.Mutex
		for b.Loop() {
			m.Lock()
			m.Unlock() //nolint:staticcheck // what is measured is the lock
		}
	})
	b.Run("watched", func(b *testing.B) {
		_, ctx := observed(b)
		m := watched.NewMutex("m")
		b.ReportAllocs()
		for b.Loop() {
			if m.Lock(ctx) != nil || m.Unlock(ctx) != nil {
				b.Fatal("not locked")
			}
		}
	})
}

func BenchmarkAcquire(b *testing.B) {
	b.Run("x-sync", func(b *testing.B) {
		s := semaphore.NewWeighted(2)
		for b.Loop() {
			if s.Acquire(b.Context(), 1) != nil {
				b.Fatal("not acquired")
			}
			s.Release(1)
		}
	})
	b.Run("watched", func(b *testing.B) {
		_, ctx := observed(b)
		s := watched.NewSemaphore("s", 2)
		b.ReportAllocs()
		for b.Loop() {
			if s.Acquire(ctx) != nil || s.Release(ctx) != nil {
				b.Fatal("not acquired")
			}
		}
	})
}

func BenchmarkSend(b *testing.B) {
	b.Run("chan", func(b *testing.B) {
		c := make(chan int, 1)
		for b.Loop() {
			c <- 1
			<-c
		}
	})
	b.Run("watched", func(b *testing.B) {
		p, ctx := observed(b)
		c := watched.NewChan[int]("c", 1)
		in, err := c.Sender(p)
		if err != nil {
			b.Fatal(err)
		}
		out, err := c.Receiver(p)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if in.Send(ctx, 1) != nil {
				b.Fatal("not sent")
			}
			if _, err := out.Receive(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
