package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/proof"
	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/detector/verify"
	"github.com/waitgraph/waitgraph/internal/amqpsession"
)

// patience bounds how long a test waits for what must come.
const patience = 10 * time.Second

// start runs a sidecar until the test ends.
func start(t testing.TB, cfg Config) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- Run(ctx, cfg) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// about passes on what is announced of an agent's processes: on RabbitMQ other
// tests have their deadlocks too.
func about(a *agent, to chan<- detector.Verdict) func(detector.Announce) {
	return func(n detector.Announce) {
		if !n.Again && n.Verdict.Core[0].Key.Agent == a.id {
			to <- n.Verdict
		}
	}
}

func next(t testing.TB, verdicts <-chan detector.Verdict) detector.Verdict {
	t.Helper()
	select {
	case v := <-verdicts:
		return v
	case <-time.After(patience):
		t.Fatal("no verdict")
		return detector.Verdict{}
	}
}

func TestLifeOfADeadlock(t *testing.T) {
	onEachBroker(t, func(t *testing.T, b broker) {
		a, verdicts := newAgent(t, b), make(chan detector.Verdict, 100)
		connected := make(chan struct{})
		start(t, Config{URL: b.url, Dial: b.dial, OnVerdict: about(a, verdicts), Log: onConnect(connected)})
		<-connected
		states := a.cycle(time.Minute)
		a.report(t, states...)
		if v := next(t, verdicts); v.Status != detector.Suspected || v.Kind != detector.Cycle || len(v.Core) != 2 {
			t.Errorf("first %+v", v)
		}
		if v := next(t, verdicts); v.Status != detector.Confirmed || !v.FirstTimeout.Equal(time.Unix(0, states[0].Waits[0].Deadline.UnixNano())) {
			t.Errorf("then %+v", v)
		}
		states[0].Seq, states[0].Waits, states[0].Need = 2, nil, 0
		states[0].Ended = &report.End{Epoch: 1, Cause: report.TimedOut}
		a.report(t, states...)
		if v := next(t, verdicts); v.Status != detector.Resolved || v.Cause != "timeout" {
			t.Errorf("last %+v", v)
		}
	})
}

// TestHTTP watches a deadlock from the outside.
func TestHTTP(t *testing.T) {
	b := embedded(t)
	a, verdicts := newAgent(t, b), make(chan detector.Verdict, 100)
	address := make(chan net.Addr, 1)
	connected := make(chan struct{})
	start(t, Config{
		URL: b.url, Dial: b.dial, Listen: "127.0.0.1:0", Listening: func(l net.Addr) { address <- l },
		OnVerdict: about(a, verdicts), Log: onConnect(connected),
	})
	base := "http://" + (<-address).String()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	<-connected
	a.report(t, a.cycle(time.Minute)...)
	silence := a.beat(t)
	next(t, verdicts)
	next(t, verdicts)

	var d struct {
		Standing []struct{ ID, Status, Summary string }
		Past     []struct{ Status string }
	}
	if err := json.Unmarshal([]byte(get(t, base+"/api/v1/deadlocks", 200)), &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Standing) != 1 || d.Standing[0].Status != "confirmed" || !strings.HasPrefix(d.Standing[0].Summary, "deadlock confirmed: a cycle of 2") {
		t.Fatalf("deadlocks: %+v", d)
	}
	id := d.Standing[0].ID
	checkProof(t, get(t, base+"/api/v1/deadlocks/"+id, 200))
	if s := get(t, base+"/api/v1/graph?format=dot", 200); strings.Count(s, "color=red") != 2 || !strings.Contains(s, "cluster_1") {
		t.Errorf("graph:\n%s", s)
	}
	if s := get(t, base+"/metrics", 200); !strings.Contains(s, `waitgraph_verdicts_total{kind="cycle",status="confirmed"} 1`) {
		t.Errorf("metrics:\n%s", s)
	}
	get(t, base+"/livez", 200)

	silence()
	if v := next(t, verdicts); v.Cause != detector.CauseAgentLost {
		t.Errorf("the agent fell silent, and its deadlock became %+v", v)
	}
	get(t, base+"/readyz", 200)
	if err := json.Unmarshal([]byte(get(t, base+"/api/v1/deadlocks", 200)), &d); err != nil {
		t.Fatal(err)
	}
	checkProof(t, get(t, base+"/api/v1/deadlocks/"+id, 200))
	get(t, base+"/api/v1/deadlocks/none", 404)
	if len(d.Standing) != 0 || len(d.Past) != 1 || d.Past[0].Status != "resolved" {
		t.Errorf("deadlocks: %+v", d)
	}
}

// checkProof checks a verdict as the API shows it by its proof alone.
func checkProof(t *testing.T, shown string) {
	t.Helper()
	var v verify.Verdict
	if err := json.Unmarshal([]byte(shown), &v); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Check(); err != nil {
		t.Errorf("%v\n%s", err, shown)
	}
}

func get(t *testing.T, url string, status int) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != status {
		t.Errorf("GET %s: %s\n%s", url, r.Status, body)
	}
	return string(body)
}

// TestReadiness has a broker that cannot be reached until it can.
func TestReadiness(t *testing.T) {
	b := embedded(t)
	refused := errors.New("no broker there")
	open := make(chan struct{})
	dial := func(network, addr string) (net.Conn, error) {
		select {
		case <-open:
			return b.dial(network, addr)
		default:
			return nil, refused
		}
	}
	address := make(chan net.Addr, 1)
	connected := make(chan struct{})
	start(t, Config{
		URL: b.url, Dial: dial, Listen: "127.0.0.1:0", Listening: func(l net.Addr) { address <- l }, Log: onConnect(connected),
		Detector: detector.Config{Lease: time.Hour, AskAgain: time.Second, Remind: time.Second},
	})
	base := "http://" + (<-address).String()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if s := get(t, base+"/readyz", 503); !strings.Contains(s, "not connected to the broker yet") && !strings.Contains(s, refused.Error()) {
		t.Errorf("readyz: %s", s)
	}
	close(open)
	<-connected
	if s := get(t, base+"/readyz", 503); !strings.Contains(s, "recovering") {
		t.Errorf("readyz: %s", s)
	}
	get(t, base+"/livez", 200)
}

func TestMustConnect(t *testing.T) {
	refused := errors.New("no broker there")
	dial := func(string, string) (net.Conn, error) { return nil, refused }
	err := Run(t.Context(), Config{URL: "amqp://guest:secret@nowhere/", Dial: dial, MustConnect: true})
	if !errors.Is(err, refused) || strings.Contains(err.Error(), "secret") {
		t.Errorf("Run: %v", err)
	}
}

func TestValidate(t *testing.T) {
	good := Config{URL: "amqp://localhost/", Listen: "localhost:0", Detector: detector.DefaultConfig()}
	bad := make([]Config, 5)
	for i := range bad {
		bad[i] = good
	}
	bad[0].URL = "http://localhost/"
	bad[1].Listen = "localhost"
	bad[2].Detector.Lease = -1
	bad[3].Detector.AskAgain = time.Hour
	bad[4].Record, bad[4].RecordMaxBytes = "dir", 1
	if err := good.Validate(); err != nil {
		t.Errorf("good: %v", err)
	}
	for i, c := range bad {
		if c.Validate() == nil {
			t.Errorf("bad %d is taken", i)
		}
	}
	if err := bad[0].Validate(); !errors.Is(err, amqpsession.ErrURL) {
		t.Errorf("bad URL: %v", err)
	}
}

func TestOnlyTheLatestPastIsKept(t *testing.T) {
	var p past
	for i := range maxPast + 2 {
		p.add(explain.Proven{Verdict: explain.Verdict{ID: fmt.Sprint(i)}})
	}
	all := p.latestFirst()
	if len(all) != maxPast {
		t.Fatalf("%d are kept", len(all))
	}
	if d := cmp.Diff([]string{fmt.Sprint(maxPast + 1), "2"}, []string{all[0].ID, all[maxPast-1].ID}); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestOnlySoMuchPastIsKept ends verdicts of which three have no room together.
func TestOnlySoMuchPastIsKept(t *testing.T) {
	var p past
	for i, n := range []int{maxPastBytes / 2, maxPastBytes / 3, maxPastBytes / 3, 2 * maxPastBytes} {
		p.add(explain.Proven{Verdict: explain.Verdict{ID: fmt.Sprint(i), Summary: strings.Repeat("x", n)}})
		if kept := []int{1, 2, 2, 1}[i]; len(p.verdicts) != kept || p.latestFirst()[0].ID != fmt.Sprint(i) {
			t.Errorf("after verdict %d %d are kept, the latest %s", i, len(p.verdicts), p.latestFirst()[0].ID)
		}
	}
}

// TestOnlySoMuchProofIsKept ends verdicts with ever larger proofs.
func TestOnlySoMuchProofIsKept(t *testing.T) {
	var p past
	for i, n := range []int{1, maxPastProven - 1, maxPastProven / 2, maxPastProven / 2} {
		p.add(explain.Proven{Verdict: explain.Verdict{ID: fmt.Sprint(i)}, Proof: &proof.Proof{Members: make([]proof.Member, n)}})
	}
	for i, kept := range []bool{false, false, true, true} {
		if v, ok := p.named(fmt.Sprint(i)); !ok || (v.Proof != nil) != kept || (v.Unproven == "") != kept {
			t.Errorf("verdict %d: known %t, %d members, unproven %q", i, ok, len(p.verdicts), v.Unproven)
		}
	}
	if _, ok := p.named("4"); ok {
		t.Error("a verdict that never was is known")
	}
}
