package sidecar

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/alertsink"
)

// logBuffer is a log, safe for concurrent use. It closes connected once reports
// are being received.
type logBuffer struct {
	connected chan<- struct{}

	mu    sync.Mutex
	lines strings.Builder
}

func (b *logBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes.Contains(line, []byte("receiving reports")) {
		close(b.connected)
	}
	return b.lines.Write(line)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lines.String()
}

// serve returns the URL of a server that runs until the test ends.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s.URL
}

// TestAlertsArePushed has a webhook that is told of a deadlock and of its end,
// while an Alertmanager repeats the token that it is sent and another one hangs.
func TestAlertsArePushed(t *testing.T) {
	const token = "hunter2hunter2"
	b := embedded(t)
	a, verdicts, connected := newAgent(t, b), make(chan detector.Verdict, 100), make(chan struct{})
	told := make(chan string, 10)
	hook := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var m struct {
			Status string
			Alerts []struct{ GeneratorURL string }
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Alerts) != 1 {
			t.Errorf("webhook: %v in %+v", err, m)
			return
		}
		told <- m.Status + " " + m.Alerts[0].GeneratorURL
	})
	repeated := make(chan struct{}, 1000)
	echo := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, r.Header.Get("Authorization"), http.StatusBadRequest)
		repeated <- struct{}{}
	})
	hung := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	address, log := make(chan net.Addr, 1), &logBuffer{connected: connected}
	start(t, Config{
		URL: b.url, Dial: b.dial, Listen: "127.0.0.1:0", Listening: func(l net.Addr) { address <- l },
		OnVerdict: about(a, verdicts),
		Log:       slog.New(slog.NewTextHandler(log, nil)),
		Alerts: alertsink.Config{
			Alertmanagers: alertsink.Receivers{URLs: []string{hung, echo}, Token: token},
			Webhooks:      alertsink.Receivers{URLs: []string{hook}},
		},
	})
	<-connected
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	base := "http://" + (<-address).String()
	states := a.cycle(time.Minute)
	a.report(t, states...)
	next(t, verdicts)
	id := next(t, verdicts).ID
	if got, want := <-told, "firing "+base+"/api/v1/deadlocks/"+id; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	<-repeated
	get(t, base+"/api/v1/deadlocks/"+id, 200)
	for !strings.Contains(log.String(), "alerts rejected") {
		time.Sleep(time.Millisecond)
	}
	a.report(t, ended(states)...)
	next(t, verdicts)
	if got, want := <-told, "resolved "+base+"/api/v1/deadlocks/"+id; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	shown := get(t, base+"/metrics", 200) + get(t, base+"/api/v1/deadlocks", 200) + log.String()
	if !strings.Contains(shown, `waitgraph_notifications_total{outcome="sent",target="webhook"}`) {
		t.Errorf("not counted:\n%s", shown)
	}
	if strings.Contains(shown, token) {
		t.Errorf("the token can be seen:\n%s", shown)
	}
}
