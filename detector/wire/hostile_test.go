package wire

import (
	"bytes"
	"errors"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/waitgraph/waitgraph/detector/report"
)

// FuzzDecodeBatch feeds anything. What is taken must be valid, and encoding it
// must lose nothing.
func FuzzDecodeBatch(f *testing.F) {
	data, err := EncodeBatch(now, full())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := DecodeBatch(data)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, report.ErrInvalid) {
				t.Errorf("neither malformed nor invalid: %v", err)
			}
			return
		}
		again, err := EncodeBatch(now, b)
		if err != nil {
			t.Fatalf("encode what was decoded: %v", err)
		}
		got, err := DecodeBatch(again)
		if err != nil {
			t.Fatalf("decode it again: %v", err)
		}
		if d := cmp.Diff(b, got); d != "" {
			t.Errorf("-first +again:\n%s", d)
		}
	})
}

func FuzzDecodeQuestion(f *testing.F) {
	f.Add([]byte(`{"round":"7","processes":[{"agent":"a","incarnation":"1","process":"p","activation":"2"}],"replies":["r"]}`))
	f.Add([]byte(`{"round":"0","everything":true}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := DecodeQuestion(data)
		if err != nil {
			return
		}
		again, err := EncodeQuestion(q)
		if err != nil {
			t.Skip("grown beyond the limit by escaping")
		}
		got, err := DecodeQuestion(again)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(q, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("-first +again:\n%s", d)
		}
	})
}

// edit encodes a batch, changes it in OTLP's own types and encodes it again.
func edit(t *testing.T, change func(l *logs.ScopeLogs)) []byte {
	t.Helper()
	data, err := EncodeBatch(now, full())
	if err != nil {
		t.Fatal(err)
	}
	var l logs.LogsData
	if err := proto.Unmarshal(data, &l); err != nil {
		t.Fatal(err)
	}
	change(l.ResourceLogs[0].ScopeLogs[0])
	if data, err = proto.Marshal(&l); err != nil {
		t.Fatal(err)
	}
	return data
}

func attribute(key string, n int64) *common.KeyValue {
	return &common.KeyValue{Key: key, Value: &common.AnyValue{Value: &common.AnyValue_IntValue{IntValue: n}}}
}

func TestWhatIsUnknownIsIgnored(t *testing.T) {
	data := edit(t, func(l *logs.ScopeLogs) {
		state := l.LogRecords[0]
		state.Attributes = append(state.Attributes, attribute("waitgraph.novelty", 1))
		body := state.Body.GetKvlistValue()
		body.Values = append(body.Values, attribute("novelty", 2))
		state.SeverityText, state.Flags = "INFO", 1
		l.LogRecords = append(l.LogRecords, &logs.LogRecord{EventName: "waitgraph.novelty"}, &logs.LogRecord{})
	})
	var d Decoder
	got, err := d.Batch(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(full(), got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if d.Skipped != 2 {
		t.Errorf("%d records skipped", d.Skipped)
	}
}

func TestWrongTypesAreMalformed(t *testing.T) {
	for name, change := range map[string]func(r *logs.LogRecord){
		"name is a number": func(r *logs.LogRecord) { r.Attributes[0].Value = attribute("", 1).Value },
		"number is text": func(r *logs.LogRecord) {
			r.Attributes[1].Value = &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "1"}}
		},
		"no value":       func(r *logs.LogRecord) { r.Attributes[0].Value = nil },
		"body is text":   func(r *logs.LogRecord) { r.Body = r.Attributes[0].Value },
		"list is a pair": func(r *logs.LogRecord) { r.Body.GetKvlistValue().Values[0].Value = attribute("", 1).Value },
		"unknown kind": func(r *logs.LogRecord) {
			wait := r.Body.GetKvlistValue().Values[0].Value.GetArrayValue().Values[0].GetKvlistValue()
			wait.Values[1].Value = &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: "hope"}}
		},
		"needs more than there is": func(r *logs.LogRecord) { r.Attributes = append(r.Attributes, attribute(attrNeed, -1)) },
	} {
		data := edit(t, func(l *logs.ScopeLogs) { change(l.LogRecords[0]) })
		if _, err := DecodeBatch(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInvalidReportsAreRefused(t *testing.T) {
	data, err := EncodeBatch(now, full())
	if err != nil {
		t.Fatal(err)
	}
	name := []byte("server_a:42")
	data = bytes.ReplaceAll(data, name, append(bytes.Repeat([]byte{'a'}, len(name)-1), 0xff))
	if _, err := DecodeBatch(data); !errors.Is(err, report.ErrInvalid) {
		t.Errorf("name that is not UTF-8: %v", err)
	}
}

// TestSmallLiesStaySmall decodes messages made to need much memory or depth.
func TestSmallLiesStaySmall(t *testing.T) {
	const n = 1 << 20
	wrap := func(num protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), b)
	}
	pair := func(key string, value []byte) []byte {
		return append(wrap(keyValueKey, []byte(key)), wrap(keyValueValue, value)...)
	}
	emptyHolds := wrap(valueArray, bytes.Repeat(wrap(arrayValues, wrap(valueList, nil)), n))
	deep := bytes.Repeat([]byte{0x32, 0x7f}, n) // each claims to hold the next
	for name, body := range map[string][]byte{
		"a million empty holds": wrap(valueList, wrap(listPairs, pair(keyHolds, emptyHolds))),
		"endless depth":         deep,
		"a million empty pairs": wrap(valueList, bytes.Repeat(wrap(listPairs, nil), n)),
	} {
		record := append(wrap(recordEventName, []byte(EventState)), wrap(recordBody, body)...)
		resource := append(wrap(resourceAttributes, pair(attrInstance, wrap(valueString, []byte("a")))), wrap(resourceAttributes, pair(attrIncarnation, []byte{0x18, 1}))...)
		data := wrap(requestResourceLogs, append(wrap(resourceLogsResource, resource), wrap(resourceLogsScopeLogs, wrap(scopeLogsRecords, record))...))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := DecodeBatch(data); err == nil {
			t.Errorf("%s: taken", name)
		}
		runtime.ReadMemStats(&after)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > uint64(len(data)) {
			t.Errorf("%s: %d bytes took %d of memory", name, len(data), grown)
		}
	}
}
