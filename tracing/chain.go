package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/propagation"

	"github.com/waitgraph/waitgraph/detector/report"
	"github.com/waitgraph/waitgraph/tracing/ledger"
)

// Header is the name of the message header that carries the call chain.
const Header = "waitgraph-chain"

// Propagator carries the call chain of a request, as W3C propagators carry
// trace context: use both.
type Propagator struct{}

var _ propagation.TextMapPropagator = Propagator{}

// Inject sets the header from a context of Blocking.Context. A message that
// nobody waits for carries none.
func (Propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	if c, ok := ctx.Value(outboundKey).(chain); ok && c != "" {
		carrier.Set(Header, string(c))
	}
}

// Extract keeps the header for Process.Receive. It is not decoded.
func (Propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	text := carrier.Get(Header)
	if text == "" && ctx.Value(inboundKey) == nil {
		return ctx
	}
	return context.WithValue(ctx, inboundKey, chain(text))
}

// Fields returns the name of the header.
func (Propagator) Fields() []string { return []string{Header} }

// chain is a call chain as text, outermost hop first: hops are joined by commas,
// the fields of a hop by semicolons, and names are percent-encoded.
//
//	agent;incarnation;process;activation;epoch;reply;deadline[;p]
//
// Numbers are in base 36. The reply's name is made of the agent and the number;
// the deadline is in milliseconds since 1970, empty if there is none; p marks a
// partial hop. A chain that has lost its outer hops begins with "*,".
type chain string

var _ ledger.Chain = chain("")

const (
	maxChainText = 16 << 10
	maxHopText   = 2 << 10
	truncated    = "*"
)

var errMalformed = errors.New("malformed")

// append adds a hop. What is there already is not encoded again; the latest
// hops are kept if there are too many.
func (c chain) append(hop string) chain {
	if c == "" {
		return chain(hop)
	}
	text := string(c)
	cut := false
	for len(text)+1+len(hop) > maxChainText || strings.Count(text, ",")+2 > report.MaxChain {
		_, rest, ok := strings.Cut(text, ",")
		if !ok {
			return chain(truncated + "," + hop)
		}
		text, cut = rest, true
	}
	if cut {
		text = truncated + "," + text
	}
	return chain(text + "," + hop)
}

// last decodes the innermost hop: the one that sent the request.
func (c chain) last() (report.Hop, error) {
	if len(c) > maxChainText+maxHopText {
		return report.Hop{}, fmt.Errorf("%w: %d bytes", errMalformed, len(c))
	}
	return parseHop(string(c[strings.LastIndexByte(string(c), ',')+1:]))
}

// Hops decodes the chain. One that has a malformed hop, or too many, is worth
// nothing but its end: the hops from there on are returned.
func (c chain) Hops() []report.Hop {
	if len(c) > maxChainText+maxHopText {
		return nil
	}
	texts := strings.Split(string(c), ",")
	texts = texts[max(0, len(texts)-report.MaxChain):]
	hops := make([]report.Hop, 0, len(texts))
	for _, text := range texts {
		h, err := parseHop(text)
		if err != nil {
			hops = hops[:0]
			continue
		}
		hops = append(hops, h)
	}
	return hops
}

// hopPrefix is the part of a hop that all hops of an activation share.
func hopPrefix(k report.Key) string {
	return strings.Join([]string{
		escape(k.Agent.Name), base36(k.Agent.Incarnation), escape(k.Process), base36(k.Activation),
	}, ";") + ";"
}

// escape encodes all that could end a name, or that a header cannot carry.
func escape(name string) string { return url.QueryEscape(name) }

func hopText(prefix string, epoch uint64, reply report.Resource, deadline time.Time, partial bool) string {
	var b strings.Builder
	b.Grow(len(prefix) + 48)
	b.WriteString(prefix)
	b.WriteString(base36(epoch))
	b.WriteByte(';')
	b.WriteString(string(reply[strings.LastIndexByte(string(reply), '/')+1:]))
	b.WriteByte(';')
	if !deadline.IsZero() {
		b.WriteString(strconv.FormatInt(deadline.UnixMilli(), 36))
	}
	if partial {
		b.WriteString(";p")
	}
	return b.String()
}

func parseHop(text string) (h report.Hop, err error) {
	f := strings.Split(text, ";")
	if len(text) > maxHopText || len(f) < 7 || len(f) > 8 || len(f) == 8 && f[7] != "p" {
		return h, fmt.Errorf("%w hop", errMalformed)
	}
	var numbers [4]uint64
	for i, s := range []string{f[1], f[3], f[4], f[5]} {
		if numbers[i], err = strconv.ParseUint(s, 36, 64); err != nil {
			return h, fmt.Errorf("%w number", errMalformed)
		}
	}
	names := [2]string{f[0], f[2]}
	for i, s := range names {
		if names[i], err = url.QueryUnescape(s); err != nil {
			return h, fmt.Errorf("%w name", errMalformed)
		}
	}
	agent := report.Agent{Name: names[0], Incarnation: numbers[0]}
	h = report.Hop{
		Key:     report.Key{Agent: agent, Process: names[1], Activation: numbers[1]},
		Epoch:   numbers[2],
		Reply:   report.Resource(agent.String() + "/" + base36(numbers[3])),
		Partial: len(f) == 8,
	}
	if f[6] != "" {
		ms, err := strconv.ParseInt(f[6], 36, 64)
		if err != nil || ms < 0 || ms > maxUnixMilli {
			return h, fmt.Errorf("%w deadline", errMalformed)
		}
		h.Deadline = time.UnixMilli(ms)
	}
	if err := h.Validate(); err != nil {
		return h, fmt.Errorf("%w: %w", errMalformed, err)
	}
	return h, nil
}

// maxUnixMilli keeps deadlines within what nanoseconds since 1970 can hold.
const maxUnixMilli = 9_000_000_000_000

// toValid cuts a name to at most limit bytes of UTF-8.
func toValid(name string, limit int) string {
	if len(name) > limit {
		name = name[:limit]
		for len(name) > 0 && !utf8.RuneStart(name[len(name)-1]) {
			name = name[:len(name)-1]
		}
		if r, size := utf8.DecodeLastRuneInString(name); r == utf8.RuneError && size == 1 {
			name = name[:len(name)-1]
		}
	}
	if utf8.ValidString(name) {
		return name
	}
	name = strings.ToValidUTF8(name, "?")
	return name[:min(len(name), limit)]
}
