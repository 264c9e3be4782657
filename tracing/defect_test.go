package tracing

import (
	"context"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// A defect of the agent's own ends the observation and is told once; the service
// goes on, and the detector hears no more.
func TestDefectEndsTheObservation(t *testing.T) {
	before := otel.GetErrorHandler()
	defer otel.SetErrorHandler(before)
	told := 0
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { told++ }))
	a, err := New(Config{Service: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	p := a.Process("p")
	ctx := WithProcess(context.Background(), p)
	a.do(func(*ledger.Ledger, time.Time) { panic("a defect") })
	for range 2 {
		a.Block(ctx, All, Wait{Kind: report.Reply, Resource: a.NewReply()}).End(report.Granted)
		a.Process("q").Stop()
		p.Crash()
	}
	if b := a.Heartbeat(); b.Heartbeat != nil || told != 1 {
		t.Errorf("%+v, told %d times", b, told)
	}
}
