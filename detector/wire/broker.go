package wire

import (
	"encoding/hex"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/waitgraph/waitgraph/detector/report"
)

// Where reports travel on the broker.
const (
	// Exchange is the durable topic exchange to which agents publish batches.
	Exchange = "waitgraph"
	// ReportBinding binds the queue of a detector to the batches of all services.
	ReportBinding = reportPrefix + "#"

	reportPrefix   = "report."
	questionPrefix = "waitgraph.agent."
)

// What messages are, for their content-type property.
const (
	ContentTypeBatch    = "application/x-protobuf"
	ContentTypeQuestion = "application/json"
)

// maxShortString is the limit of AMQP 0-9-1 on routing keys and queue names.
const maxShortString = 255

// ReportKey returns the routing key for the batches of a service's agents. The
// service is one word of it: other characters than letters, digits, '-' and
// '_' become '_'.
func ReportKey(service string) string {
	word := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
			return r
		}
		return '_'
	}, service)
	if word == "" {
		word = "unknown"
	}
	return reportPrefix + word[:min(len(word), maxShortString-len(reportPrefix))]
}

// QuestionQueue returns the name of the queue in which an agent expects
// questions: its own, exclusive and gone with it.
func QuestionQueue(a report.Agent) string {
	life := "#" + strconv.FormatUint(a.Incarnation, 36)
	room := maxShortString - len(questionPrefix) - len(life)
	name := strings.ToValidUTF8(a.Name, "_")
	if len(name) > room {
		name = shorten(name, room)
	}
	return questionPrefix + name + life
}

// shorten replaces the end of a name by a hash of the whole.
func shorten(name string, room int) string {
	h := fnv.New64a()
	h.Write([]byte(name))
	sum := "~" + hex.EncodeToString(h.Sum(nil))
	return strings.ToValidUTF8(name[:room-len(sum)], "") + sum
}
