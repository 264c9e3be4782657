package history

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/waitgraph/waitgraph/detector/explain"
)

// Deadlock is a verdict, and what is known of its pattern.
type Deadlock struct {
	explain.Verdict
	Fingerprint string      `json:"fingerprint"`          // of the pattern
	Recurrence  *Recurrence `json:"recurrence,omitempty"` // left out without a history
	// EndUnseen says that the deadlock was last seen standing by a detector that
	// stopped before its end.
	EndUnseen bool `json:"end_unseen,omitempty"`
}

// Recurrence tells of the deadlocks of the same pattern that came before.
type Recurrence struct {
	Before int       `json:"before"`         // how many
	First  time.Time `json:"first,omitzero"` // when the first of them was found, and the last
	Last   time.Time `json:"last,omitzero"`
}

// maxUnpacked bounds what a record may claim to be.
const maxUnpacked = 256 << 20

// pack returns v as compressed JSON.
func pack(v any) ([]byte, error) {
	var b bytes.Buffer
	z, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if err := json.NewEncoder(z).Encode(v); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// unpack reads what pack has written.
func unpack(data []byte, v any) error {
	z := flate.NewReader(bytes.NewReader(data))
	defer z.Close() //nolint:errcheck // it was only read
	if err := json.NewDecoder(io.LimitReader(z, maxUnpacked)).Decode(v); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}

// key returns where a deadlock is kept: in the order in which they were found.
func key(found time.Time, id string) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(max(found.UnixNano(), 0))), id...)
}
