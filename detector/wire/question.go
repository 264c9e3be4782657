package wire

import (
	"encoding/json"
	"fmt"

	"github.com/waitgraph/waitgraph/detector/report"
)

// MaxQuestion is the greatest size of a question in bytes: one about 30,000 processes.
const MaxQuestion = 4 << 20

type question struct {
	Round      uint64            `json:"round,string"`
	Processes  []process         `json:"processes,omitempty"`
	Replies    []report.Resource `json:"replies,omitempty"`
	Everything bool              `json:"everything,omitempty"`
}

type process struct {
	Agent       string `json:"agent"`
	Incarnation uint64 `json:"incarnation,string"`
	Process     string `json:"process"`
	Activation  uint64 `json:"activation,string"`
}

// EncodeQuestion encodes a question. It fails with ErrTooLarge.
func EncodeQuestion(q *report.Question) ([]byte, error) {
	out := question{Round: q.Round, Replies: q.Replies, Everything: q.Everything}
	for _, k := range q.Processes {
		out.Processes = append(out.Processes, process{k.Agent.Name, k.Agent.Incarnation, k.Process, k.Activation})
	}
	data, err := json.Marshal(out)
	if err == nil && len(data) > MaxQuestion {
		err = fmt.Errorf("%w: %d bytes", ErrTooLarge, len(data))
	}
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	return data, nil
}

// DecodeQuestion decodes a question. It fails with ErrMalformed or ErrTooLarge.
func DecodeQuestion(data []byte) (*report.Question, error) {
	if len(data) > MaxQuestion {
		return nil, fmt.Errorf("decode question: %w: %d bytes", ErrTooLarge, len(data))
	}
	var in question
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("decode question: %w: %w", ErrMalformed, err)
	}
	q := &report.Question{Round: in.Round, Replies: in.Replies, Everything: in.Everything}
	for _, p := range in.Processes {
		q.Processes = append(q.Processes, report.Key{
			Agent: report.Agent{Name: p.Agent, Incarnation: p.Incarnation}, Process: p.Process, Activation: p.Activation,
		})
	}
	return q, nil
}
