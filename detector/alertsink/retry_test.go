package alertsink

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

func TestFailuresAreTriedAgainWithTheNewestState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(n int, _ *http.Request) (int, http.Header, error) {
			if n <= 10 {
				return 500, nil, nil
			}
			return 200, nil, nil
		}}
		s, registry := start(t, toHook(), r)
		s.say("v1", detector.Confirmed)
		time.Sleep(20 * time.Second)
		s.say("v1", detector.Resolved)
		time.Sleep(time.Minute)
		synctest.Wait()

		if len(r.at) != 11 {
			t.Fatalf("%d attempts", len(r.at))
		}
		for i, at := range r.at[1:] {
			nominal := min(shortestPause<<i, longestPause)
			if pause := at.Sub(r.at[i]); pause < nominal*8/10 || pause > nominal*12/10 {
				t.Errorf("pause %d is %v, not about %v", i, pause, nominal)
			}
		}
		if !strings.Contains(r.bodies[10], `"status":"resolved"`) {
			t.Errorf("told at last: %s", r.bodies[10])
		}
		counted(t, registry, "s_total sent webhook 1; s_total superseded webhook 1; retries_total webhook 10")
	})
}

func waiting(q *queue) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

func TestWhatIsNoLongerWorthTellingIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int, *http.Request) (int, http.Header, error) { return 0, nil, errors.New("down") }}
		s, _ := start(t, toManager(), r)
		s.say("v1", detector.Confirmed)
		s.say("v2", detector.Confirmed)
		s.say("v2", detector.Resolved)
		time.Sleep(s.holds + longestPause*2)
		synctest.Wait()
		if n := waiting(s.targets[0].queue); n != 1 {
			t.Errorf("%d are pending after %v", n, s.holds)
		}
		time.Sleep(keepEnded)
		r.posted()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := len(r.posted()); n != 0 {
			t.Errorf("%d more attempts", n)
		}
		if n := waiting(s.targets[0].queue); n != 0 {
			t.Errorf("%d are pending at last", n)
		}
	})
}

func TestRefusalsAreFinal(t *testing.T) {
	for _, status := range []int{301, 307, 400, 401, 404, 413} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(int, *http.Request) (int, http.Header, error) {
				return status, http.Header{"Location": {"http://localhost/elsewhere"}}, nil
			}}
			s, registry := start(t, toManager(), r)
			s.say("v1", detector.Confirmed)
			time.Sleep(time.Minute)
			synctest.Wait()
			if p := r.posted(); len(p) != 1 {
				t.Errorf("%d: %d attempts: %s", status, len(p), p)
			}
			counted(t, registry, "s_total rejected alertmanager 1")
		})
	}
}

func TestPausesThatAreAskedForAreBounded(t *testing.T) {
	for asked, want := range map[string]time.Duration{"0": leastAsked, "7": 7 * time.Second, "65535": mostAsked, "-1": shortestPause, "soon": shortestPause} {
		synctest.Test(t, func(t *testing.T) {
			r := &receiver{answer: func(n int, _ *http.Request) (int, http.Header, error) {
				if n == 1 {
					return 429, http.Header{"Retry-After": {asked}}, nil
				}
				return 200, nil, nil
			}}
			s, _ := start(t, toHook(), r)
			s.say("v1", detector.Confirmed)
			time.Sleep(time.Minute)
			synctest.Wait()
			if pause := r.at[1].Sub(r.at[0]); pause < want*8/10 || pause > want*12/10 {
				t.Errorf("asked for %s, it is told again after %v", asked, pause)
			}
		})
	}
}

// TestOneReceiverThatHangsConcernsNoOther has one that never answers.
func TestOneReceiverThatHangsConcernsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(_ int, q *http.Request) (int, http.Header, error) {
			if q.URL.Port() == "1" {
				<-q.Context().Done()
				return 0, nil, q.Context().Err()
			}
			return 200, nil, nil
		}}
		cfg := toManager()
		cfg.Alertmanagers.URLs = []string{"http://localhost:1", "http://localhost:2"}
		var trouble error
		cfg.Trouble = func(_ string, err error) { trouble = err }
		s, registry := start(t, cfg, r)
		for i := range 3 * maxPending {
			s.say(fmt.Sprint("v", i), detector.Confirmed)
			synctest.Wait()
		}
		time.Sleep(answerTime)
		synctest.Wait()
		if !errors.Is(trouble, errSlow) || !strings.Contains(trouble.Error(), "Alertmanager http://localhost:1:") {
			t.Errorf("trouble: %v", trouble)
		}
		counted(t, registry, fmt.Sprintf("s_total dropped alertmanager %d; s_total sent alertmanager %d; retries_total alertmanager 1; s_pending alertmanager %d", 2*maxPending, 3*maxPending, maxPending))
	})
}

// TestSlowWebhooksAreNotToldTwice has one that answers more slowly than verdicts
// are repeated.
func TestSlowWebhooksAreNotToldTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int, *http.Request) (int, http.Header, error) {
			time.Sleep(3500 * time.Millisecond)
			return 200, nil, nil
		}}
		s, registry := start(t, toHook(), r)
		s.say("v1", detector.Confirmed)
		for range 10 {
			time.Sleep(time.Second)
			s.Announce(time.Now(), detector.Announce{Verdict: verdict("v1", detector.Confirmed), Again: true})
		}
		s.say("v1", detector.Resolved)
		time.Sleep(time.Minute)
		synctest.Wait()
		if p := r.posted(); len(p) != 2 || !strings.Contains(p[1], `"status":"resolved"`) {
			t.Errorf("told %d times: %s", len(p), p)
		}
		counted(t, registry, "s_total sent webhook 2; s_total superseded webhook 3")
	})
}

// TestManyAlertsShareMessages has an Alertmanager that is slow, and one alert
// that is superseded while an attempt with it is under way.
func TestManyAlertsShareMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(int, *http.Request) (int, http.Header, error) {
			time.Sleep(time.Second)
			return 200, nil, nil
		}}
		s, registry := start(t, toManager(), r)
		s.say("v0", detector.Confirmed)
		synctest.Wait()
		for i := range 129 {
			s.say(fmt.Sprint("v", i+1), detector.Confirmed)
		}
		s.say("v0", detector.Resolved)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		var sizes []int
		for _, p := range r.posted() {
			_, body, _ := strings.Cut(p, " ")
			var all []postable
			if err := json.Unmarshal([]byte(body), &all); err != nil {
				t.Fatal(err)
			}
			sizes = append(sizes, len(all))
		}
		if got := fmt.Sprint(sizes); got != "[1 64 64 2]" {
			t.Errorf("messages of %s", got)
		}
		counted(t, registry, "s_total sent alertmanager 131")
	})
}
