package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// stream is a client of events that takes what is written, or never does.
type stream struct {
	*httptest.ResponseRecorder
	stuck    bool
	deadline time.Time

	mu   sync.Mutex
	text string // all that was written
}

func (s *stream) SetReadDeadline(time.Time) error { return nil }

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

func (s *stream) Write(b []byte) (int, error) {
	if s.stuck {
		time.Sleep(time.Until(s.deadline))
		return 0, errors.New("timeout")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text += string(b)
	return len(b), nil
}

func (s *stream) Flush() {}

// watch opens a stream in a bubble, and returns it with what is closed at its end.
func watch(ctx context.Context, f *feed, stuck bool) (*stream, <-chan struct{}) {
	s := &stream{ResponseRecorder: httptest.NewRecorder(), stuck: stuck}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		f.events(s, httptest.NewRequestWithContext(ctx, http.MethodGet, eventsPath, nil))
	}()
	return s, ended
}

// told returns how many events were written, and all of their text.
func (s *stream) told() (n int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.text, "event: state\ndata: {"), s.text
}

func TestEventsTellWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var standing atomic.Int64
		var stopped atomic.Bool
		var asked atomic.Int64
		f := &feed{state: func() (State, error) {
			asked.Add(1)
			if stopped.Load() {
				return State{}, errors.New("the detector has stopped")
			}
			return State{Ready: true, Standing: int(standing.Load())}, nil
		}}
		ctx, leave := context.WithCancel(t.Context())
		one, oneEnded := watch(ctx, f, false)
		two, twoEnded := watch(t.Context(), f, false)
		time.Sleep(lookEvery * 10)
		for _, s := range []*stream{one, two} {
			if n, text := s.told(); n != 1 {
				t.Errorf("told %d times of what is new once:\n%s", n, text)
			}
		}
		if n := asked.Load(); n > 11 {
			t.Errorf("asked %d times in %v, as often as there are clients", n, lookEvery*10)
		}
		standing.Store(1)
		time.Sleep(lookEvery * 2)
		if n, text := one.told(); n != 2 || !strings.Contains(text, `"standing":1`) {
			t.Errorf("a deadlock is not told of:\n%s", text)
		}
		leave()
		<-oneEnded
		time.Sleep(tellEvery + lookEvery)
		if n, _ := two.told(); n != 3 {
			t.Errorf("told %d times, want the same again after %v", n, tellEvery)
		}
		stopped.Store(true)
		<-twoEnded
	})
}

func TestEventsDropWhoTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		_, ended := watch(t.Context(), &feed{state: func() (State, error) { return State{}, nil }}, true)
		<-ended
		if held := time.Since(began); held != streamTime {
			t.Errorf("it was held for %v", held)
		}
	})
}

// TestEventsKeepNobodyOut shows that those who follow events take no place of
// those who ask.
func TestEventsKeepNobodyOut(t *testing.T) {
	h := NewHandler(fakeSystem{}, http.NotFoundHandler())
	server := httptest.NewServer(h)
	defer server.Close()
	for range maxRequests + 1 {
		r, err := server.Client().Get(server.URL + eventsPath)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "text/event-stream" {
			t.Fatalf("%s, %s", r.Status, r.Header.Get("Content-Type"))
		}
	}
	if status, _, body := requestOf(t, h, http.MethodGet, "/livez"); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	if status, _, _ := requestOf(t, h, http.MethodPost, eventsPath); status != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered with %d", status)
	}
}
