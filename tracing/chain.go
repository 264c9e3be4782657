package tracing

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waitgraph/waitgraph/detector/report"
)

// chain is a call chain as text, outermost hop first: hops are joined by commas,
// the fields of a hop by semicolons, and names are percent-encoded.
//
//	agent;incarnation;process;activation;epoch;reply;deadline[;p]
//
// Numbers are in base 36. The reply's name is made of the agent and the number;
// the deadline is in milliseconds since 1970, empty if there is none; p marks a
// partial hop. A chain that has lost its outer hops begins with "*,".
type chain string

const (
	// maxChain is the greatest size of a chain in bytes. RabbitMQ closes the
	// connection over headers of more than 128 KiB.
	maxChain = 16 << 10
	maxHop   = 2 << 10 // more than names that are valid can take
	marker   = "*,"    // of a chain that was truncated
)

var errMalformed = errors.New("malformed")

// append adds a hop. What is there already is not encoded again. Of a chain that
// gets too long the latest hops are kept.
func (c chain) append(hop string) chain {
	if c == "" {
		return chain(hop)
	}
	text := string(c)
	if len(text)+1+len(hop) <= maxChain && strings.Count(text, ",")+2 <= report.MaxChain {
		return chain(text + "," + hop)
	}
	if text = latest(text, maxChain-len(marker)-1-len(hop), report.MaxChain-1); text == "" {
		return chain(marker + hop)
	}
	return chain(marker + text + "," + hop)
}

// latest returns as many whole hops from the end of text as are within limits.
func latest(text string, bytes, hops int) string {
	begin := len(text) + 1
	for ; hops > 0 && begin > 0; hops-- {
		next := strings.LastIndexByte(text[:begin-1], ',') + 1
		if len(text)-next > bytes || text[next:begin-1] == "*" {
			break
		}
		begin = next
	}
	return text[min(begin, len(text)):]
}

var errForeign = errors.New("its last hop does not wait for this message's reply")

// belongs checks that the innermost hop, which sent the request, waits for the
// reply of the given name. It is all of a chain that is decoded on receipt.
func (c chain) belongs(reply string) error {
	if len(c) > maxChain {
		return fmt.Errorf("%w: %d bytes", errMalformed, len(c))
	}
	var f [8]string
	n := 0
	for field := range strings.SplitSeq(string(c[strings.LastIndexByte(string(c), ',')+1:]), ";") {
		if n == len(f) {
			return fmt.Errorf("%w hop: too many fields", errMalformed)
		}
		f[n] = field
		n++
	}
	agent, number, named := cutLast(reply, '/')
	name, incarnation, born := cutLast(agent, '#')
	if n < 7 || !named || !born || f[1] != incarnation || f[5] != number {
		return errForeign
	}
	if unescaped, err := url.PathUnescape(f[0]); err != nil || unescaped != name {
		return errForeign
	}
	return nil
}

// minted reports whether a correlation ID can be the name of a reply.
func minted(id string) bool {
	agent, _, named := cutLast(id, '/')
	_, _, born := cutLast(agent, '#')
	return named && born && len(id) <= 2*report.MaxName && utf8.ValidString(id)
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	i := strings.LastIndexByte(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// hops decodes the chain. Up to a malformed hop it is worth nothing: those from
// there on are returned, and whole is false.
func (c chain) hops() (hops []report.Hop, whole bool) {
	text := string(c)
	hops = make([]report.Hop, 0, min(strings.Count(text, ",")+1, report.MaxChain))
	for end, more := len(text), true; more && len(hops) < report.MaxChain; {
		begin := strings.LastIndexByte(text[:end], ',') + 1
		if begin == 0 && text[:end] == "*" {
			break
		}
		h, err := parseHop(text[begin:end])
		if err != nil {
			slices.Reverse(hops)
			return hops, false
		}
		hops = append(hops, h)
		end, more = begin-1, begin > 0
	}
	slices.Reverse(hops)
	return hops, true
}

// hopPrefix is the part of a hop that all hops of an activation share.
func hopPrefix(agent string, k report.Key) string {
	return agent + url.PathEscape(k.Process) + ";" + base36(k.Activation) + ";"
}

// agentPrefix is the part of a hop that all hops of an agent share.
func agentPrefix(a report.Agent) string {
	return url.PathEscape(a.Name) + ";" + base36(a.Incarnation) + ";"
}

func hopText(prefix string, epoch uint64, number string, deadline time.Time, partial bool) string {
	b := make([]byte, 0, len(prefix)+48)
	b = append(b, prefix...)
	b = strconv.AppendUint(b, epoch, 36)
	b = append(b, ';')
	b = append(b, number...)
	b = append(b, ';')
	if ms := deadline.UnixMilli(); ms > 0 && ms <= maxUnixMilli {
		b = strconv.AppendInt(b, ms, 36)
	}
	if partial {
		b = append(b, ";p"...)
	}
	return string(b)
}

// maxUnixMilli keeps deadlines within what nanoseconds since 1970 can hold.
const maxUnixMilli = 9_000_000_000_000

func parseHop(text string) (report.Hop, error) {
	var f [8]string
	n := 0
	if len(text) > maxHop {
		return report.Hop{}, fmt.Errorf("%w hop of %d bytes", errMalformed, len(text))
	}
	for field := range strings.SplitSeq(text, ";") {
		if n == len(f) {
			return report.Hop{}, fmt.Errorf("%w hop: too many fields", errMalformed)
		}
		f[n] = field
		n++
	}
	if n < 7 || (n == 8 && f[7] != "p") {
		return report.Hop{}, fmt.Errorf("%w hop: fields", errMalformed)
	}
	p := parser{}
	agent := report.Agent{Name: p.name(f[0]), Incarnation: p.number(f[1])}
	h := report.Hop{
		Key:      report.Key{Agent: agent, Process: p.name(f[2]), Activation: p.number(f[3])},
		Epoch:    p.number(f[4]),
		Reply:    replyName(agent, base36(p.number(f[5]))),
		Deadline: p.deadline(f[6]),
		Partial:  n == 8,
	}
	if p.err == nil {
		p.err = h.Validate()
	}
	if p.err != nil {
		return report.Hop{}, fmt.Errorf("%w hop: %w", errMalformed, p.err)
	}
	return h, nil
}

// replyName names the reply to one publish attempt: what its agent minted, by
// its number.
func replyName(a report.Agent, number string) report.Resource {
	return report.Resource(a.String() + "/" + number)
}

// parser decodes fields until the first error.
type parser struct{ err error }

func (p *parser) name(text string) string {
	name, err := url.PathUnescape(text)
	p.fail(err)
	return name
}

func (p *parser) number(text string) uint64 {
	n, err := strconv.ParseUint(text, 36, 64)
	p.fail(err)
	return n
}

func (p *parser) deadline(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	ms := p.number(text)
	if ms == 0 || ms > maxUnixMilli {
		p.fail(errors.New("deadline out of range"))
		return time.Time{}
	}
	return time.UnixMilli(int64(ms)) //nolint:gosec // within the range
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

func base36(n uint64) string { return strconv.FormatUint(n, 36) }
