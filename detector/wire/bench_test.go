package wire

import (
	"testing"

	"github.com/waitgraph/waitgraph/detector/report"
)

func BenchmarkEncodeState(b *testing.B) {
	batch := &report.Batch{Agent: agent, Service: "service_a", States: []report.State{blocked()}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := EncodeBatch(now, batch); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeState(b *testing.B) {
	data, err := EncodeBatch(now, &report.Batch{Agent: agent, Service: "service_a", States: []report.State{blocked()}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(len(data)), "wire-bytes")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeBatch(data); err != nil {
			b.Fatal(err)
		}
	}
}
