package wire

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/waitgraph/waitgraph/detector/report"
)

func TestBatchesComeBack(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, b *report.Batch) {
		data, err := EncodeBatch(now, b)
		if err != nil {
			t.Fatalf("encode: %v", err)
		}
		got, err := DecodeBatch(data)
		if err != nil {
			t.Fatalf("decode: %v", err)
		}
		if d := cmp.Diff(b, got, cmpopts.EquateEmpty()); d != "" {
			t.Fatalf("came back different (-sent +got):\n%s", d)
		}
	}
	check(t, full())
	check(t, &report.Batch{Agent: agent})
	rapid.Check(t, func(t *rapid.T) { check(t, anyBatch.Draw(t, "batch")) })
}

func TestFarTimesStayFar(t *testing.T) {
	b := full()
	b.States[0].Waits[0].Since = time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC)
	b.States[0].Waits[0].Deadline = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	data, err := EncodeBatch(now, b)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeBatch(data)
	if err != nil {
		t.Fatal(err)
	}
	if w := got.States[0].Waits[0]; w.Since.Year() != 1677 || w.Deadline.Year() != 2262 {
		t.Errorf("got %v to %v", w.Since, w.Deadline)
	}
}

func TestQuestionsComeBack(t *testing.T) {
	for _, q := range []*report.Question{
		{Round: 1<<64 - 1, Processes: []report.Key{blocked().Key}, Replies: []report.Resource{"a#1/1"}},
		{Everything: true},
	} {
		data, err := EncodeQuestion(q)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeQuestion(data)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(q, got); d != "" {
			t.Errorf("came back different (-sent +got):\n%s", d)
		}
	}
}

func TestBoundsOnSize(t *testing.T) {
	if _, err := DecodeBatch(make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge batch: %v", err)
	}
	if _, err := DecodeQuestion(make([]byte, MaxQuestion+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge question: %v", err)
	}
	long := report.Resource(strings.Repeat("r", 500))
	holds := make([]report.Hold, report.MaxHolds)
	for i := range holds {
		holds[i] = report.Hold{Resource: long, Kind: report.Lock}
	}
	b := &report.Batch{Agent: agent, States: []report.State{{Key: blocked().Key, Holds: holds}}}
	if _, err := EncodeBatch(now, b); !errors.Is(err, ErrTooLarge) {
		t.Errorf("huge state: %v", err)
	}
	q := &report.Question{Replies: make([]report.Resource, MaxQuestion)}
	if _, err := EncodeQuestion(q); !errors.Is(err, ErrTooLarge) {
		t.Errorf("question with a million replies: %v", err)
	}
}

func TestInvalidBatchesAreNotEncoded(t *testing.T) {
	b := full()
	b.States[0].Key.Process = "\xff"
	if _, err := EncodeBatch(now, b); !errors.Is(err, report.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestNamesOnTheBroker(t *testing.T) {
	for service, want := range map[string]string{
		"service_a": "report.service_a",
		"a.b *#":    "report.a_b___",
		"":          "report.unknown",
		"sérvice":   "report.s_rvice",
	} {
		if got := ReportKey(service); got != want {
			t.Errorf("ReportKey(%q) = %q, want %q", service, got, want)
		}
	}
	if got, want := QuestionQueue(report.Agent{Name: "a@h:1", Incarnation: 36}), "waitgraph.agent.a@h:1#10"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		word := strings.TrimPrefix(ReportKey(rapid.String().Draw(t, "service")), "report.")
		if word == "" || len(word) > 248 || strings.ContainsAny(word, ".*# ") {
			t.Fatalf("bad word %q", word)
		}
	})
	long := report.Agent{Name: strings.Repeat("ü", 127), Incarnation: 1<<64 - 1}
	other := report.Agent{Name: long.Name + "x", Incarnation: long.Incarnation}
	q := QuestionQueue(long)
	if len(q) > 255 || !utf8.ValidString(q) || q == QuestionQueue(other) {
		t.Errorf("long names: %q", q)
	}
}
