package wire

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// TestOTLPReceiversUnderstand reads a batch with the generated types, which
// must leave nothing unread, and reads back what they write.
func TestOTLPReceiversUnderstand(t *testing.T) {
	sent := full()
	data, err := EncodeBatch(now, sent)
	if err != nil {
		t.Fatal(err)
	}
	var otlp logs.LogsData
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &otlp); err != nil {
		t.Fatal(err)
	}
	again, err := proto.Marshal(&otlp)
	if err != nil {
		t.Fatal(err)
	}
	if len(again) != len(data) {
		t.Errorf("of %d bytes the generated types understand %d:\n%s", len(data), len(again), protojson.Format(&otlp))
	}
	got, err := DecodeBatch(again)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sent, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("came back different (-sent +got):\n%s", d)
	}
	first := otlp.ResourceLogs[0].ScopeLogs[0].LogRecords[0]
	trace := sent.States[0].Waits[0].Trace
	if first.EventName != EventState || first.TimeUnixNano != uint64(now.UnixNano()) ||
		string(first.TraceId) != string(trace.TraceID[:]) || string(first.SpanId) != string(trace.SpanID[:]) {
		t.Errorf("the first record is %v", first)
	}
}

// TestRequestIsLogsData holds the message that OTLP receivers expect against
// the one that the other tests use. Its package cannot be imported without gRPC.
func TestRequestIsLogsData(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "go.opentelemetry.io/proto/otlp").Output()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(strings.TrimSpace(string(dir)), "collector", "logs", "v1", "logs_service.pb.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var tags []string
	ast.Inspect(file, func(n ast.Node) bool {
		if d, ok := n.(*ast.TypeSpec); ok && d.Name.Name == "ExportLogsServiceRequest" {
			for _, f := range d.Type.(*ast.StructType).Fields.List {
				if f.Tag != nil && strings.Contains(f.Tag.Value, "protobuf:") {
					tags = append(tags, f.Tag.Value)
				}
			}
		}
		return true
	})
	if len(tags) != 1 || !strings.Contains(tags[0], "bytes,1,rep,name=resource_logs") {
		t.Errorf("the fields of ExportLogsServiceRequest are %q", tags)
	}
	if n := new(logs.LogsData).ProtoReflect().Descriptor().Fields().ByName("resource_logs").Number(); n != requestResourceLogs {
		t.Errorf("LogsData has its logs in field %d", n)
	}
}
