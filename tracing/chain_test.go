package tracing

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/propagation"

	"github.com/waitgraph/waitgraph/detector/report"
)

// hopOf is a hop as its sender would write it.
func hopOf(agent report.Agent, process string, number uint64, deadline time.Time, partial bool) (report.Hop, string) {
	h := report.Hop{
		Key: report.Key{Agent: agent, Process: process, Activation: 7}, Epoch: 9,
		Reply: replyName(agent, base36(number)), Deadline: deadline, Partial: partial,
	}
	return h, hopText(hopPrefix(agentPrefix(agent), h.Key), h.Epoch, base36(number), deadline, partial)
}

func TestChainCarriesAnyName(t *testing.T) {
	deadline := time.UnixMilli(1_800_000_000_123)
	names := []string{
		"server_a:42", "a,b;c*d%2C", " ", "*", "ümläut/#1", "+", strings.Repeat("%", 255), strings.Repeat("é", 127),
	}
	var c chain
	var want []report.Hop
	for i, name := range names {
		var when time.Time
		if i%2 == 0 {
			when = deadline
		}
		h, text := hopOf(report.Agent{Name: name, Incarnation: 1<<64 - 1}, name, uint64(i), when, i%3 == 0)
		c, want = c.append(text), append(want, h)
		if err := c.belongs(string(h.Reply)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	got, whole := c.hops()
	if diff := cmp.Diff(want, got); diff != "" || !whole {
		t.Errorf("whole %v, -sent +received:\n%s", whole, diff)
	}
}

// Appending keeps the latest hops within the limits, says so, and leaves what
// is there as it is.
func TestChainIsTruncated(t *testing.T) {
	for _, name := range []string{"p", strings.Repeat("p", 200), strings.Repeat("%", 255)} {
		var c chain
		var all []string
		for i := range 1000 {
			_, text := hopOf(report.Agent{Name: name, Incarnation: 1}, name, uint64(i), time.Time{}, false)
			c, all = c.append(text), append(all, text)
			if len(c) > maxChain {
				t.Fatalf("%d bytes", len(c))
			}
		}
		rest, marked := strings.CutPrefix(string(c), marker)
		hops, whole := c.hops()
		n := len(hops)
		full := n == report.MaxChain || len(c)+len(all[0]) >= maxChain-len(marker)
		if !marked || !whole || !full || rest != strings.Join(all[len(all)-n:], ",") {
			t.Errorf("%d hops in %d bytes, marked %v, whole %v", n, len(c), marked, whole)
		}
	}
}

func TestHostileChains(t *testing.T) {
	agent := report.Agent{Name: "a", Incarnation: 1}
	sender, good := hopOf(agent, "p", 5, time.Time{}, false)
	reply := string(sender.Reply)
	for name, text := range map[string]string{
		"a million hops":    strings.Repeat(good+",", 1_000_000) + good,
		"a name of 100 KiB": "a;1;" + strings.Repeat("p", 100<<10) + ";7;9;5;",
		"another reply":     strings.Replace(good, ";5;", ";6;", 1),
		"another agent":     "b" + good[1:],
		"bad escape":        "%zz" + good[1:],
		"few fields":        "a;1;p;5",
		"many fields":       good + ";p;p",
		"empty last hop":    good + ",",
	} {
		if err := chain(text).belongs(reply); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	for name, text := range map[string]string{
		"no epoch":            "a;1;x;7;0;5;",
		"no process":          "a;1;;7;9;5;",
		"invalid UTF-8":       "a;1;%ff;7;9;5;",
		"absurd number":       "a;1;x;7;zzzzzzzzzzzzzzzzzzzzz;5;",
		"negative number":     "a;1;x;7;-9;5;",
		"absurd deadline":     "a;1;x;7;9;5;zzzzzzzzzzzz",
		"deadline of zero":    "a;1;x;7;9;5;0",
		"wrong flag":          "a;1;x;7;9;5;;q",
		"long name":           "a;1;" + strings.Repeat("x", 256) + ";7;9;5;",
		"marker in the midst": "*",
		"nothing":             "",
	} {
		hops, whole := chain(good + "," + text + "," + good).hops()
		if whole || len(hops) != 1 || hops[0] != sender {
			t.Errorf("%s: whole %v, %v", name, whole, hops)
		}
	}
	if n := testing.AllocsPerRun(10, func() { _ = chain(strings.Repeat(",", maxChain)).belongs(reply) }); n > 8 {
		t.Errorf("%v allocations to refuse a hostile chain", n)
	}
}

func FuzzChain(f *testing.F) {
	_, good := hopOf(report.Agent{Name: "a", Incarnation: 1}, "p", 5, time.UnixMilli(1_800_000_000_123), true)
	for _, seed := range []string{good, marker + good, good + "," + good, "*", ",", ";;;;;;", good + ",%ff;1;;;;;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c := chain(text)
		_ = c.belongs("a#1/5")
		hops, _ := c.hops()
		if len(hops) > report.MaxChain {
			t.Fatalf("%d hops", len(hops))
		}
		again := chain("")
		for i := range hops {
			h := &hops[i]
			if err := h.Validate(); err != nil {
				t.Fatal(err)
			}
			_, number, _ := cutLast(string(h.Reply), '/')
			again = again.append(hopText(hopPrefix(agentPrefix(h.Key.Agent), h.Key), h.Epoch, number, h.Deadline, h.Partial))
		}
		if len(again) > maxChain {
			return // what is encoded here may be longer than what came
		}
		same, _ := again.hops()
		if diff := cmp.Diff(hops, same); diff != "" {
			t.Fatalf("%q comes back as %q:\n%s", text, again, diff)
		}
		if longer := c.append(good); len(c) <= maxChain && len(longer) > maxChain {
			t.Fatalf("%d bytes and a hop make %d", len(c), len(longer))
		}
	})
}

func TestPropagator(t *testing.T) {
	var p Propagator
	carrier := propagation.MapCarrier{}
	p.Inject(context.Background(), carrier)
	if len(carrier) != 0 {
		t.Errorf("a message that nobody waits for carries %v", carrier)
	}
	p.Inject(context.WithValue(context.Background(), outboundKey, chain("x")), carrier)
	if carrier[Header] != "x" || p.Fields()[0] != Header {
		t.Errorf("%v, %v", carrier, p.Fields())
	}
	in := p.Extract(context.Background(), carrier)
	if in.Value(inboundKey) != chain("x") || in.Value(outboundKey) != nil {
		t.Error("the chain is not kept, or goes on by itself")
	}
	if next := p.Extract(in, propagation.MapCarrier{}); next.Value(inboundKey) != chain("") {
		t.Error("the chain of another message is kept")
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 10, 256} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			_, hop := hopOf(report.Agent{Name: "service_a@host:4711-1", Incarnation: 1 << 60}, "server_a:42", 99, time.Now(), false)
			c := chain("")
			for range n - 1 {
				c = c.append(hop)
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = c.append(hop)
			}
		})
	}
}

func BenchmarkBelongs(b *testing.B) {
	h, hop := hopOf(report.Agent{Name: "service_a@host:4711-1", Incarnation: 1 << 60}, "server_a:42", 99, time.Now(), false)
	c := chain(hop).append(hop).append(hop)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.belongs(string(h.Reply)); errors.Is(err, errMalformed) {
			b.Fatal(err)
		}
	}
}
