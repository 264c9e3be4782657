package logsink

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reader takes what is written once it is told to go on.
type reader struct {
	goOn chan error
	got  bytes.Buffer
}

func (r *reader) Write(p []byte) (int, error) {
	if err := <-r.goOn; err != nil {
		return 0, err
	}
	return r.got.Write(p)
}

func TestWriterPassesOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{goOn: make(chan error)}
		w := NewWriter(r)
		for _, line := range []string{"one\n", "two\n", "three\n"} {
			_, _ = w.Write([]byte(line))
		}
		close(r.goOn)
		w.Flush(t.Context())
		_, _ = w.Write([]byte("four\n"))
		w.Flush(t.Context())
		if s := r.got.String(); s != "one\ntwo\nthree\nfour\n" || w.Dropped() != 0 {
			t.Errorf("got %q, and %d were dropped", s, w.Dropped())
		}
	})
}

func TestWriterDropsWholeLinesThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{goOn: make(chan error)}
		w := NewWriter(r)
		_, _ = w.Write([]byte("first\n"))
		synctest.Wait() // it is on its way
		line := []byte(strings.Repeat("x", maxWaiting/4-1) + "\n")
		for range 10 {
			if n, err := w.Write(line); n != len(line) || err != nil {
				t.Fatalf("Write: %d, %v", n, err)
			}
		}
		began := time.Now()
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if w.Flush(ctx); time.Since(began) != time.Second {
			t.Errorf("Flush took %v", time.Since(began))
		}
		if n := w.Dropped(); n != 6 {
			t.Errorf("%d were dropped", n)
		}
		close(r.goOn)
		w.Flush(t.Context())
		if want := "first\n" + strings.Repeat(string(line), 4); r.got.String() != want {
			t.Errorf("got %d bytes, want %d", r.got.Len(), len(want))
		}
	})
}

func TestWriterTakesOneLineOfAnyLength(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{goOn: make(chan error)}
		w := NewWriter(r)
		long := make([]byte, 2*maxWaiting)
		_, _ = w.Write(long)
		synctest.Wait() // it is on its way
		_, _ = w.Write(long)
		_, _ = w.Write(long)
		close(r.goOn)
		w.Flush(t.Context())
		if r.got.Len() != 2*len(long) || w.Dropped() != 1 {
			t.Errorf("got %d bytes, and %d were dropped", r.got.Len(), w.Dropped())
		}
	})
}

func TestWriterCountsWhatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &reader{goOn: make(chan error, 1)}
		w := NewWriter(r)
		r.goOn <- errors.New("disk full")
		_, _ = w.Write([]byte("one\n"))
		w.Flush(t.Context())
		close(r.goOn)
		_, _ = w.Write([]byte("two\n"))
		w.Flush(t.Context())
		if s := r.got.String(); s != "two\n" || w.Dropped() != 1 {
			t.Errorf("got %q, and %d were dropped", s, w.Dropped())
		}
	})
}
