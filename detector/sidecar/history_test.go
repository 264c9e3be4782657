package sidecar

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
)

// watched runs a sidecar on a broker until stop is called.
func watched(t *testing.T, b broker, cfg Config) (base string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	address, ended, connected := make(chan net.Addr, 1), make(chan error), make(chan struct{})
	cfg.URL, cfg.Dial, cfg.Listen, cfg.Log = b.url, b.dial, "127.0.0.1:0", onConnect(connected)
	cfg.Listening = func(l net.Addr) { address <- l }
	go func() { ended <- Run(ctx, cfg) }()
	<-connected
	return "http://" + (<-address).String(), func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func deadlocks(t *testing.T, base, query string) (d httpapi.Deadlocks) {
	t.Helper()
	if err := json.Unmarshal([]byte(get(t, base+"/api/v1/deadlocks"+query, http.StatusOK)), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestHistoryOutlivesTheDetector(t *testing.T) {
	b := embedded(t)
	a, verdicts := newAgent(t, b), make(chan detector.Verdict, 100)
	cfg := Config{History: history.Config{File: filepath.Join(t.TempDir(), "history.db")}, OnVerdict: about(a, verdicts)}
	base, stop := watched(t, b, cfg)
	a.report(t, a.cycle(time.Minute)...)
	silence := a.beat(t)
	next(t, verdicts)
	id := next(t, verdicts).ID
	d := deadlocks(t, base, "")
	if len(d.Standing) != 1 || len(d.Past) != 0 || d.History == "off" || d.History == "failing" {
		t.Errorf("while it stands: %+v", d)
	}
	silence()
	stop()

	base, stop = watched(t, b, cfg)
	defer stop()
	for d.History = "opening"; d.History == "opening"; {
		d = deadlocks(t, base, "?status=confirmed&limit=1")
	}
	if len(d.Past) != 1 || d.Past[0].ID != id || !d.Past[0].EndUnseen {
		t.Fatalf("after the restart: %+v", d)
	}
	checkProof(t, get(t, base+"/api/v1/deadlocks/"+id, http.StatusOK))
	if d := deadlocks(t, base, "?process=nobody"); len(d.Past) != 0 {
		t.Errorf("of nobody: %+v", d)
	}
	recalled := deadlocks(t, base, "?fingerprint="+d.Past[0].Fingerprint)
	if len(recalled.Past) != 1 {
		t.Errorf("by its fingerprint: %+v", recalled)
	}
}

func TestTheDetectorGoesOnWithoutHistory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "history.db")
	if err := os.WriteFile(name, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	b := embedded(t)
	a, verdicts := newAgent(t, b), make(chan detector.Verdict, 100)
	base, stop := watched(t, b, Config{History: history.Config{File: name}, OnVerdict: about(a, verdicts)})
	defer stop()
	a.report(t, a.cycle(time.Minute)...)
	defer a.beat(t)()
	next(t, verdicts)
	next(t, verdicts)
	d := httpapi.Deadlocks{History: "opening"}
	for d.History == "opening" {
		d = deadlocks(t, base, "")
	}
	if len(d.Standing) != 1 || d.History != "failing" || d.HistoryError == "" || d.HistoryError != explain.Printable(d.HistoryError) {
		t.Errorf("%+v", d)
	}
	if d.Standing[0].Recurrence != nil || d.Standing[0].Fingerprint == "" {
		t.Errorf("%+v", d.Standing[0])
	}
}
