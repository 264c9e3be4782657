package spansink

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an exporter that does what the test says.
type fake struct {
	export func(context.Context, []sdktrace.ReadOnlySpan) error
}

func (f *fake) ExportSpans(ctx context.Context, s []sdktrace.ReadOnlySpan) error {
	return f.export(ctx, s)
}
func (f *fake) Shutdown(context.Context) error { return nil }

// keeps returns an exporter that accepts, and what it has accepted.
func keeps() (*fake, *[]sdktrace.ReadOnlySpan) {
	kept := new([]sdktrace.ReadOnlySpan)
	return &fake{func(_ context.Context, s []sdktrace.ReadOnlySpan) error {
		*kept = append(*kept, s...)
		return nil
	}}, kept
}

func sinkTo(t *testing.T, e sdktrace.SpanExporter) *Sink {
	t.Helper()
	s, err := newSink(Config{Remind: time.Second, Registry: prometheus.NewRegistry()}, e)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// counts returns what has become of how many spans.
func (s *Sink) counts() map[string]float64 {
	r := prometheus.NewRegistry()
	r.MustRegister(s.spans)
	all := make(map[string]float64)
	families, _ := r.Gather()
	for _, m := range families[0].GetMetric() {
		all[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
	}
	return all
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// member waits in the span with an ID of these bytes again and again.
func member(process string, trace, span byte) detector.Member {
	w := report.Wait{Resource: "r", Kind: report.Reply, Since: start}
	for i := range w.Trace.TraceID {
		w.Trace.TraceID[i] = trace
	}
	for i := range w.Trace.SpanID {
		w.Trace.SpanID[i] = span
	}
	return detector.Member{Key: report.Key{Process: process}, Service: "service of " + process, Waits: []detector.Edge{{Wait: w}}}
}

// life is what is announced of one deadlock.
func life(id string) []detector.Announce {
	v := detector.Verdict{
		ID: id, Kind: detector.Cycle, Status: detector.Suspected, Since: start, Suspected: start.Add(time.Millisecond), FirstTimeout: start.Add(5 * time.Second),
		Core:       []detector.Member{member("q\n", 1, 2), member("p", 1, 3), member("no trace", 0, 0)},
		Collateral: []detector.Member{member("behind", 4, 5), member("again", 4, 5)}, CollateralCount: 2,
	}
	confirmed := v
	confirmed.Status, confirmed.Confirmed = detector.Confirmed, start.Add(2*time.Millisecond)
	over := confirmed
	over.Status, over.Cause, over.Ended = detector.Resolved, "timeout", start.Add(5*time.Second)
	return []detector.Announce{{Verdict: v}, {Verdict: confirmed}, {Verdict: confirmed, Again: true}, {Verdict: over}}
}

func (s *Sink) live(id string) {
	for i, a := range life(id) {
		s.Announce(start.Add(time.Duration(i)*time.Second), a)
	}
}

func TestSpanOfADeadlock(t *testing.T) {
	e, kept := keeps()
	s := sinkTo(t, e)
	s.live("v")
	s.send(t.Context(), s.batch(<-s.queue))
	if len(*kept) != 1 {
		t.Fatalf("%d spans", len(*kept))
	}
	got := (*kept)[0]
	if got.Name() != "deadlock" || !got.StartTime().Equal(start) || !got.EndTime().Equal(start.Add(5*time.Second)) || got.Parent().IsValid() {
		t.Errorf("%s from %v to %v, parent %v", got.Name(), got.StartTime(), got.EndTime(), got.Parent())
	}
	if got.Status().Code != codes.Error || !strings.HasPrefix(got.Status().Description, "deadlock resolved by a timeout after 5.00 s: ") {
		t.Errorf("status %v", got.Status())
	}
	var events []string
	for _, e := range got.Events() {
		events = append(events, e.Name+" "+e.Time.Sub(start).String())
	}
	if diff := cmp.Diff([]string{"suspected 1ms", "confirmed 2ms", "stands 2s"}, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	var links []string
	for _, l := range got.Links() {
		links = append(links, l.SpanContext.TraceID().String()[:2]+" "+l.SpanContext.SpanID().String()[:2]+" "+l.Attributes[0].Value.AsString()+" "+l.Attributes[1].Value.AsString())
	}
	if diff := cmp.Diff([]string{`01 02 q\n core`, "01 03 p core", "04 05 behind behind"}, links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	values := make(map[attribute.Key]any)
	for _, a := range got.Attributes() {
		values[a.Key] = a.Value.AsInterface()
	}
	delete(values, "waitgraph.deadlock.waits")
	want := map[attribute.Key]any{
		"waitgraph.deadlock.id": "v", "waitgraph.deadlock.kind": "cycle", "waitgraph.deadlock.cause": "timeout",
		"waitgraph.deadlock.confirmed": true, "waitgraph.deadlock.in_band": false, "waitgraph.deadlock.contradicted": false,
		"waitgraph.deadlock.core": int64(3), "waitgraph.deadlock.behind": int64(2), "waitgraph.deadlock.seconds_left": 4.998,
		"waitgraph.deadlock.services": []string{"service of no trace", "service of p", `service of q\n`},
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func TestNoSpanOfWhatWasRetracted(t *testing.T) {
	e, _ := keeps()
	s := sinkTo(t, e)
	a := life("v")[0]
	s.Announce(start, a)
	a.Verdict.Status = detector.Retracted
	s.Announce(start, a)
	if len(s.queue) != 0 || len(s.standing.all) != 0 {
		t.Errorf("%d spans, %d verdicts remembered", len(s.queue), len(s.standing.all))
	}
}

func TestSpansAreBounded(t *testing.T) {
	e, kept := keeps()
	s := sinkTo(t, e)
	a := life("v")
	for i := range 1000 {
		s.Announce(start.Add(time.Duration(i)*time.Second), a[2])
	}
	over := a[3]
	for i := range 1000 {
		over.Verdict.Core = append(over.Verdict.Core, member("p", byte(1+i>>8), byte(i)))
	}
	s.Announce(start, over)
	s.send(t.Context(), s.batch(<-s.queue))
	if got := (*kept)[0]; len(got.Links()) != maxLinks || len(got.Events()) != 2+maxStood {
		t.Errorf("%d links, %d events", len(got.Links()), len(got.Events()))
	}
}

func TestEndsThatGotLostAreForgotten(t *testing.T) {
	e, _ := keeps()
	s := sinkTo(t, e)
	a := life("lost")[1]
	s.Announce(start, a)
	a.Verdict.ID = "later"
	s.Announce(start.Add(forgetAtLeast), a)
	if len(s.standing.all) != 1 || s.standing.all["later"] == nil {
		t.Errorf("%d verdicts are remembered", len(s.standing.all))
	}
}

// TestSlowReceiver has one that answers nothing: who announces does not wait,
// what does not fit is dropped, and at the end there is no waiting either.
func TestSlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sinkTo(t, &fake{func(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
			<-ctx.Done()
			return ctx.Err()
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); s.Run(ctx) }()
		began := time.Now()
		s.live("first")
		synctest.Wait()
		for range maxQueued + 7 {
			s.live("v")
		}
		if waited := time.Since(began); waited != 0 {
			t.Errorf("announcing took %v", waited)
		}
		stop()
		<-ended
		if waited := time.Since(began); waited > flushTime {
			t.Errorf("ending took %v", waited)
		}
		if diff := cmp.Diff(map[string]float64{sent: 0, failed: 1 + maxQueued, dropped: 7}, s.counts()); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
	})
}

func TestFailuresAreCountedAndTold(t *testing.T) {
	s := sinkTo(t, &fake{func(context.Context, []sdktrace.ReadOnlySpan) error { return errors.New("no") }})
	var told []string
	s.trouble = func(message string, err error) { told = append(told, message+": "+err.Error()) }
	s.live("v")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.Run(ctx) // it sends what is left
	if !slices.Equal(told, []string{"spans not delivered: the receiver did not accept them"}) || s.counts()[failed] != 1 {
		t.Errorf("told %q, counted %v", told, s.counts())
	}
}

// TestSecretsStayHidden has receivers that repeat what authenticates a request.
func TestSecretsStayHidden(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=hunter2")
	for status, want := range map[int]string{
		http.StatusForbidden:           "the receiver did not accept them: it answered 403",
		http.StatusInternalServerError: "the receiver did not accept them: it answered 500",
		http.StatusServiceUnavailable:  "the receiver did not accept them",
	} {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3600") // which is longer than it is tried
			w.WriteHeader(status)
			_, _ = io.WriteString(w, r.Header.Get("X-Api-Key"))
		}))
		var told []string
		s, err := New(Config{Endpoint: receiver.URL + "/hunter2", Trouble: func(_ string, err error) { told = append(told, err.Error()) }})
		if err != nil {
			t.Fatal(err)
		}
		s.live("v")
		ctx, stop := context.WithCancel(t.Context())
		stop()
		s.Run(ctx)
		receiver.Close()
		if !slices.Equal(told, []string{want}) {
			t.Errorf("told %q, want %q", told, want)
		}
	}
}

// TestOverHTTP sends to a receiver what it can read, with the headers of
// OpenTelemetry's variable.
func TestOverHTTP(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
	t.Setenv("OTEL_SERVICE_NAME", "watcher")
	got := make(chan *collector.ExportTraceServiceRequest, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := new(collector.ExportTraceServiceRequest)
		if err := proto.Unmarshal(body, request); err != nil || r.URL.Path != "/base/v1/traces" || r.Header.Get("Authorization") != "secret" {
			t.Errorf("%s by %q: %v", r.URL.Path, r.Header.Get("Authorization"), err)
		}
		got <- request
	}))
	defer receiver.Close()
	s, err := New(Config{Endpoint: receiver.URL + "/base"})
	if err != nil {
		t.Fatal(err)
	}
	s.live("v")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.Run(ctx)
	request := <-got
	if span := request.ResourceSpans[0].ScopeSpans[0].Spans[0]; span.Name != "deadlock" || len(span.Links) != 3 || len(span.Events) != 3 {
		t.Errorf("received %v", span)
	}
	if a := request.ResourceSpans[0].Resource.Attributes; !strings.Contains(a[0].String()+a[1].String(), "watcher") {
		t.Errorf("of %v", a)
	}
	if s.counts()[sent] != 1 {
		t.Errorf("counted %v", s.counts())
	}
}

func TestNobodyIsTold(t *testing.T) {
	s, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	s.live("v")
	s.Run(t.Context())
	if len(s.queue) != 0 || len(s.standing.all) != 0 {
		t.Error("something is kept for nobody")
	}
}

func TestValidate(t *testing.T) {
	for endpoint, want := range map[string]string{
		"": "", "http://localhost:4318": "", "https://x/y": "",
		"localhost:4318": "begin with http", "http://": "names no host", "http://me:secret@x": "OTEL_EXPORTER_OTLP_HEADERS", "http://\x7f": "cannot be parsed",
	} {
		err := (&Config{Endpoint: endpoint}).Validate()
		switch {
		case want == "" && err == nil:
		case err == nil || want == "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret"):
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
