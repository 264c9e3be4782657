package alertsink

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// receiver is an HTTP transport that answers as a test wants, and keeps what
// was posted. It serves bubbles, in which there are no sockets.
type receiver struct {
	answer func(n int, r *http.Request) (status int, header http.Header, err error) // of the n-th request, from 1

	mu     sync.Mutex
	bodies []string
	at     []time.Time
}

func (r *receiver) RoundTrip(q *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.bodies, r.at = append(r.bodies, q.URL.String()+" "+string(body)), append(r.at, time.Now())
	n := len(r.bodies)
	r.mu.Unlock()
	status, header := 200, http.Header{}
	if r.answer != nil {
		if status, header, err = r.answer(n, q); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: q}, nil
}

// posted returns what was posted since the last call.
func (r *receiver) posted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.bodies
	r.bodies, r.at = nil, nil
	return all
}

const (
	managerURL = "http://localhost:9093/prefix"
	hookURL    = "http://localhost:5001/hook"
)

func toManager() Config {
	return Config{Alertmanagers: Receivers{URLs: []string{managerURL}}, Remind: 10 * time.Second}
}

func toHook() Config {
	return Config{Webhooks: Receivers{URLs: []string{hookURL}}, Remind: 10 * time.Second}
}

// start runs a sink until the test ends.
func start(t testing.TB, cfg Config, transport http.RoundTripper) (*Sink, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	cfg.Registry = registry
	s, err := newSink(cfg, transport)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); s.Run(t.Context()) }()
	t.Cleanup(func() { <-ended })
	return s, registry
}

// verdict is a self wait at a step of its life.
func verdict(id string, status detector.Status) detector.Verdict {
	now := time.Now()
	v := detector.Verdict{
		ID: id, Kind: detector.Self, Status: status, Since: now, Suspected: now, FirstTimeout: now.Add(5 * time.Second),
		Core: []detector.Member{{
			Key: report.Key{Process: "server_a:42"}, Service: "a", Need: 1,
			Waits: []detector.Edge{{Wait: report.Wait{Kind: report.Lock, Resource: "stock", Since: now}}},
		}},
	}
	switch status {
	case detector.Confirmed:
		v.Confirmed = now
	case detector.Resolved:
		v.Cause, v.Ended = report.TimedOut.String(), now
	}
	return v
}

func (s *Sink) say(id string, status detector.Status) {
	s.Announce(time.Now(), detector.Announce{Verdict: verdict(id, status)})
}

// TestTheClockIsSetBack has it set back by an hour while a deadlock stands.
func TestTheClockIsSetBack(t *testing.T) {
	s, err := newSink(toManager(), new(receiver))
	if err != nil {
		t.Fatal(err)
	}
	v := verdict("v", detector.Confirmed)
	at := v.Confirmed
	for _, step := range []struct {
		status detector.Status
		passed time.Duration
		lasts  time.Duration // as it is told
	}{
		{detector.Confirmed, time.Second, s.holds + time.Second},
		{detector.Confirmed, -time.Hour, s.holds},
		{detector.Confirmed, 10 * time.Second, s.holds + 10*time.Second},
		{detector.Resolved, -time.Hour, 0},
	} {
		at, v.Status = at.Add(step.passed), step.status
		s.Announce(at, detector.Announce{Verdict: v})
		told := s.targets[0].queue.next(at, 1)[0]
		if lasts := told.ends.Sub(told.starts); lasts != step.lasts || told.starts.After(at) || told.starts != told.starts.Round(0) || told.ends != told.ends.Round(0) {
			t.Errorf("%s at %v: told from %v to %v", step.status, at, told.starts, told.ends)
		}
		s.targets[0].queue.settle(at, []*entry{told}, sent)
	}
}

func counted(t *testing.T, r *prometheus.Registry, want string) {
	t.Helper()
	var lines []string
	for _, family := range []string{"waitgraph_notifications_total", "waitgraph_notification_retries_total", "waitgraph_notifications_pending"} {
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() != family {
				continue
			}
			for _, m := range f.GetMetric() {
				if v := m.GetCounter().GetValue() + m.GetGauge().GetValue(); v != 0 {
					name := strings.TrimPrefix(family, "waitgraph_notification")
					for _, l := range m.GetLabel() {
						name += " " + l.GetValue()
					}
					lines = append(lines, fmt.Sprint(strings.TrimPrefix(name, "_"), " ", v))
				}
			}
		}
	}
	if got := strings.Join(lines, "; "); got != want {
		t.Errorf("counted  %s\nwant     %s", got, want)
	}
}

// TestLifeAtAnAlertmanager follows one verdict from its suspicion to its end.
func TestLifeAtAnAlertmanager(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		cfg := toManager()
		cfg.Link = "https://waitgraph.example/of/a"
		s, registry := start(t, cfg, r)
		began := time.Now()

		s.say("v1", detector.Suspected)
		synctest.Wait()
		if p := r.posted(); len(p) != 0 {
			t.Errorf("a suspicion was told: %s", p)
		}

		s.say("v1", detector.Confirmed)
		synctest.Wait()
		want := `http://localhost:9093/prefix/api/v2/alerts [{` +
			`"labels":{"alertname":"WaitgraphDeadlock","deadlock":"v1","kind":"self","services":"a","severity":"critical","status":"confirmed"},` +
			`"annotations":{"deadlock_url":"https://waitgraph.example/of/a/api/v1/deadlocks/v1",` +
			`"description":"server_a:42 has waited 0 us for the lock stock and never gives up; nobody is known to hold it.",` +
			`"first_timeout":"2000-01-01T00:00:05Z",` +
			`"summary":"deadlock confirmed: server_a:42 waits for itself, formed 0 us ago, first timeout in 5.00 s"},` +
			`"startsAt":"2000-01-01T00:00:00Z","endsAt":"2000-01-01T00:00:40Z","generatorURL":"https://waitgraph.example/of/a/api/v1/deadlocks/v1"}]`
		if d := cmp.Diff([]string{want}, r.posted()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}

		time.Sleep(10 * time.Second)
		v := verdict("v1", detector.Confirmed)
		v.Kind, v.Confirmed = detector.Knot, began
		v.Core[0].Service = "b"
		s.Announce(time.Now(), detector.Announce{Verdict: v, Again: true})
		synctest.Wait()
		again := sole(t, r)
		if again.Labels["kind"] != "self" || again.Labels["services"] != "a" || !strings.Contains(again.Annotations["summary"], "a knot") {
			t.Errorf("the labels must stay, and the annotations follow: %+v", again)
		}
		if !again.StartsAt.Equal(began) || !again.EndsAt.Equal(began.Add(50*time.Second)) {
			t.Errorf("repeated from %v to %v", again.StartsAt, again.EndsAt)
		}

		time.Sleep(time.Second)
		s.say("v1", detector.Resolved)
		synctest.Wait()
		end := sole(t, r)
		if d := cmp.Diff(again.Labels, end.Labels); d != "" {
			t.Errorf("another alert ended:\n%s", d)
		}
		if !end.EndsAt.Equal(time.Now()) || !strings.HasPrefix(end.Annotations["summary"], "deadlock resolved by a timeout") {
			t.Errorf("ended %+v", end)
		}
		counted(t, registry, "s_total sent alertmanager 3")
	})
}

// sole returns the one alert that was posted.
func sole(t *testing.T, r *receiver) postable {
	t.Helper()
	p := r.posted()
	if len(p) != 1 {
		t.Fatalf("posted %d times: %s", len(p), p)
	}
	_, body, _ := strings.Cut(p[0], " ")
	var all []postable
	if err := json.Unmarshal([]byte(body), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v in %s", err, body)
	}
	return all[0]
}

func TestSuspicionsAreAlertsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		cfg := toManager()
		cfg.Suspected = true
		s, _ := start(t, cfg, r)
		s.say("v1", detector.Suspected)
		synctest.Wait()
		if a := sole(t, r); a.Labels["status"] != "suspected" || a.Labels["severity"] != "warning" {
			t.Errorf("told %+v", a)
		}
		s.say("v1", detector.Confirmed)
		synctest.Wait()
		told := strings.Join(r.posted(), "\n")
		if strings.Count(told, `"status":"suspected"`) != 1 || strings.Count(told, `"status":"confirmed"`) != 1 {
			t.Errorf("told %s", told)
		}
		s.say("v2", detector.Suspected)
		synctest.Wait()
		sole(t, r)
		s.say("v2", detector.Retracted)
		synctest.Wait()
		if a := sole(t, r); a.Labels["deadlock"] != "v2" || !a.EndsAt.Equal(time.Now()) || !strings.HasPrefix(a.Annotations["summary"], "suspicion retracted") {
			t.Errorf("told %+v", a)
		}
	})
}

func TestMessageToAWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, registry := start(t, toHook(), r)
		s.say("v1", detector.Confirmed)
		synctest.Wait()
		labels := `{"alertname":"WaitgraphDeadlock","deadlock":"v1","kind":"self","services":"a","severity":"critical","status":"confirmed"}`
		annotations := `{"description":"server_a:42 has waited 0 us for the lock stock and never gives up; nobody is known to hold it.",` +
			`"first_timeout":"2000-01-01T00:00:05Z","summary":"deadlock confirmed: server_a:42 waits for itself, formed 0 us ago, first timeout in 5.00 s"}`
		want := hookURL + ` {"version":"4","groupKey":"{}:{alertname=\"WaitgraphDeadlock\", deadlock=\"v1\"}","truncatedAlerts":0,"status":"firing","receiver":"waitgraph",` +
			`"groupLabels":{"alertname":"WaitgraphDeadlock","deadlock":"v1"},"commonLabels":` + labels + `,"commonAnnotations":` + annotations + `,"externalURL":"",` +
			`"alerts":[{"status":"firing","labels":` + labels + `,"annotations":` + annotations + `,` +
			`"startsAt":"2000-01-01T00:00:00Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"","fingerprint":"a374c4279ab6bfea"}]}`
		if d := cmp.Diff([]string{want}, r.posted()); d != "" {
			t.Errorf("-want +got:\n%s", d)
		}

		for range 361 {
			time.Sleep(10 * time.Second)
			s.Announce(time.Now(), detector.Announce{Verdict: verdict("v1", detector.Confirmed), Again: true})
		}
		synctest.Wait()
		if n := len(r.posted()); n != 1 {
			t.Errorf("in an hour of reminders it was told %d times", n)
		}
		s.say("v1", detector.Resolved)
		synctest.Wait()
		if told := strings.Join(r.posted(), "\n"); strings.Count(told, `"status":"resolved"`) != 2 || strings.Contains(told, `"endsAt":"0001`) {
			t.Errorf("told %s", told)
		}
		counted(t, registry, "s_total sent webhook 3")
	})
}

// TestEndsThatAreLostAreMadeUp has announcements dropped on their way.
func TestEndsThatAreLostAreMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := new(receiver)
		s, _ := start(t, toHook(), r)
		s.say("v1", detector.Confirmed)
		time.Sleep(41 * time.Second)
		s.say("v2", detector.Confirmed)
		synctest.Wait()
		if told := strings.Join(r.posted(), "\n"); strings.Count(told, `"status":"resolved"`) != 2 || len(s.firing) != 1 {
			t.Errorf("told %s", told)
		}
	})
}

func TestTextIsBounded(t *testing.T) {
	v := verdict("v\n1", detector.Confirmed)
	m := v.Core[0]
	m.Waits[0].Resource = report.Resource(strings.Repeat("é", 1000) + "\xff")
	v.Core = nil
	for i := range 5000 {
		m.Service = fmt.Sprintf("service\x1b%d%s", i, strings.Repeat("x", 100))
		v.Core = append(v.Core, m)
	}
	a := fires(&v, time.Now(), time.Minute, nil)
	if l := a.labels["services"]; len(l) > 400 || !strings.HasSuffix(l, ",and 4995 more") || strings.Contains(l, "\x1b") {
		t.Errorf("services: %q", l)
	}
	if l := a.labels["deadlock"]; l != `v\n1` {
		t.Errorf("deadlock: %q", l)
	}
	if d := a.annotations["description"]; len(d) > 9000 || !strings.HasSuffix(d, "…\nand 4980 more such waits.") {
		t.Errorf("%d bytes of description: %q", len(d), d[max(len(d)-100, 0):])
	}
}

func TestEverySeriesExistsFromTheStart(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	if _, err := New(Config{Registry: registry}); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text := w.Body.String()
	for _, series := range []string{
		`waitgraph_notifications_total{outcome="sent",target="alertmanager"} 0`,
		`waitgraph_notifications_total{outcome="dropped",target="webhook"} 0`,
		`waitgraph_notification_retries_total{target="webhook"} 0`,
		`waitgraph_notifications_pending{target="alertmanager"} 0`,
		`waitgraph_notification_latency_seconds_count{target="webhook"} 0`,
	} {
		if !strings.Contains(text, "\n"+series+"\n") {
			t.Errorf("no %s", series)
		}
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", err, problems)
	}
}
