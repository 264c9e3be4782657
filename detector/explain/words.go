package explain

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/report"
)

// summary is the verdict in one line.
func summary(v *detector.Verdict, at time.Time) string {
	core := shape(v)
	switch v.Status {
	case detector.Resolved:
		return resolution(v, core)
	case detector.Retracted:
		return fmt.Sprintf("suspicion retracted: %s, %s", core, Printable(v.Reason))
	}
	s := fmt.Sprintf("deadlock %s: %s", v.Status, core)
	if dated(v.Core) {
		s += ", formed " + Duration(at.Sub(v.Since)) + " ago"
	}
	switch {
	case v.FirstTimeout.IsZero():
		s += ", nobody will time out"
	case v.FirstTimeout.Before(at):
		s += ", first timeout " + Duration(at.Sub(v.FirstTimeout)) + " ago"
	default:
		s += ", first timeout in " + Duration(v.FirstTimeout.Sub(at))
	}
	if v.Status == detector.Suspected && v.Reason != "" {
		s += "; not confirmed: " + Printable(v.Reason)
	}
	return s
}

// dated reports whether it is known of every wait of a core when it began. Of
// those that are only hinted at by call chains it is not.
func dated(core []detector.Member) bool {
	for i := range core {
		for j := range core[i].Waits {
			if core[i].Waits[j].Since.IsZero() {
				return false
			}
		}
	}
	return true
}

// shape words what kind of core it is, and how large.
func shape(v *detector.Verdict) string {
	if v.Kind == detector.Self && len(v.Core) == 1 {
		return Printable(v.Core[0].Key.Process) + " waits for itself"
	}
	return fmt.Sprintf("a %s of %d processes", v.Kind, len(v.Core))
}

// causes words how a deadlock ended.
var causes = map[string]string{
	report.Granted.String():    "a grant",
	report.TimedOut.String():   "a timeout",
	report.Cancelled.String():  "a cancellation",
	report.Crashed.String():    "a crash",
	detector.CauseHolderJoined: "a holder that joined",
	detector.CauseAgentLost:    "the loss of an agent",
	detector.CauseReleased:     "a member that no longer owes anything",
	detector.CauseMerged:       "becoming part of another",
	detector.CauseUnknown:      "something that nobody reported",
}

func resolution(v *detector.Verdict, core string) string {
	s := "deadlock resolved by " + cmp.Or(causes[v.Cause], v.Cause)
	if !v.Since.IsZero() {
		s += " after " + Duration(v.Ended.Sub(v.Since))
	}
	s += ": " + core
	if v.Contradicted {
		s += "; a member went on as if it had not been deadlocked"
	}
	return s
}

// sentences words the edges of a core.
func sentences(core []detector.Member, at time.Time) []string {
	all := []string{}
	for i := range core {
		for j := range core[i].Waits {
			if len(all) == maxSentences {
				return all
			}
			all = append(all, sentence(&core[i], &core[i].Waits[j], at))
		}
	}
	return all
}

func sentence(m *detector.Member, e *detector.Edge, at time.Time) string {
	var b strings.Builder
	b.WriteString(Printable(m.Key.Process))
	if n := len(m.Waits); m.Need < n {
		fmt.Fprintf(&b, " needs %d of %d and", m.Need, n)
	}
	fmt.Fprintf(&b, " %s %s %s; %s.", waits(e.Since, at), awaited(e), limit(e.Deadline, at), blockers(m, e))
	if e.Trace.TraceID != [16]byte{} {
		b.WriteString(" Trace " + hex.EncodeToString(e.Trace.TraceID[:]) + ".")
	}
	return b.String()
}

func waits(since, at time.Time) string {
	if since.IsZero() {
		return "waits for"
	}
	return "has waited " + Duration(at.Sub(since)) + " for"
}

// awaited words what is waited for.
func awaited(e *detector.Edge) string {
	name := Printable(string(e.Resource))
	switch e.Kind {
	case report.Reply:
		return "the reply to its request" + to(e.Destination)
	case report.Permit:
		return "a permit of " + name
	case report.Buffer:
		if queue, ok := e.Destination.Queue(); ok {
			return "space in the queue " + Printable(queue)
		}
		return "space in the buffer " + name
	case report.Item:
		return "something to take out of the buffer " + name
	case report.Queue:
		return "a consumer of the queue " + name
	}
	return "the " + e.Kind.String() + " " + name
}

func to(d report.Destination) string {
	switch {
	case d == report.Destination{}:
		return ""
	case d.Exchange == "":
		return " to " + Printable(d.Key)
	}
	return " to " + Printable(d.Exchange) + "/" + Printable(d.Key)
}

// limit words when the wait ends by itself.
func limit(deadline, at time.Time) string {
	switch {
	case deadline.IsZero():
		return "and never gives up"
	case deadline.Before(at):
		return "and was to give up " + Duration(at.Sub(deadline)) + " ago"
	}
	return "and gives up in " + Duration(deadline.Sub(at))
}

// blockers words who could grant it and does not.
func blockers(m *detector.Member, e *detector.Edge) string {
	n := len(e.Holders)
	names := make([]string, min(n, maxNamed))
	for i := range names {
		names[i] = e.Holders[i].Process
	}
	switch {
	case e.Queue != "" && n == 0:
		return "nobody is known to consume " + Printable(e.Queue)
	case e.Queue != "" && e.Kind == report.Buffer:
		return list(names, n) + ", who could make some, " + be(n) + " blocked"
	case e.Queue != "":
		return "untaken, as " + list(names, n) + ", who would take it from " + Printable(e.Queue) + ", " + be(n) + " blocked"
	case n == 0:
		return "nobody is known to hold it"
	case n == 1 && e.Holders[0] == m.Key:
		return "blocked by itself"
	}
	return "blocked by " + list(names, n)
}

func be(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// list joins names of processes, of which there are count in all.
func list(names []string, count int) string {
	if len(names) == 0 {
		return strconv.Itoa(count) + " processes"
	}
	shown := make([]string, min(len(names), maxNamed))
	for i := range shown {
		shown[i] = Printable(names[i])
	}
	if more := count - len(shown); more > 0 {
		return strings.Join(shown, ", ") + " " + and(more)
	}
	if n := len(shown); n > 1 {
		return strings.Join(shown[:n-1], ", ") + " and " + shown[n-1]
	}
	return strings.Join(shown, "")
}

func and(more int) string { return "and " + strconv.Itoa(more) + " more" }

// Duration returns d in the unit and with the digits that a reader cares for:
// 340 us, 1.2 ms, 4.87 s, 1h0m3s. What is negative, as clocks differ, is 0.
func Duration(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Millisecond:
		return strconv.FormatInt(d.Microseconds(), 10) + " us"
	case d < time.Second:
		return strconv.FormatFloat(float64(d.Microseconds()/100)/10, 'f', 1, 64) + " ms"
	case d < time.Minute:
		return strconv.FormatFloat(float64(d.Milliseconds()/10)/100, 'f', 2, 64) + " s"
	}
	return d.Truncate(time.Second).String()
}

// Printable returns s, escaped as in Go source if it has anything by which a
// terminal or a reader could be misled: control characters, invalid UTF-8,
// marks that change the direction of writing.
func Printable(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
