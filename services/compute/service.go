package compute

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// MaxID is the highest ID; the lowest is 1. Each has a server process in
// either service.
const MaxID = 60

// cyclicID is the ID for which ServiceB asks ServiceA back.
const cyclicID = 42

// surplus is what ServiceA adds to the answer of ServiceB.
const surplus = 1_000_000

// DefaultTimeout is how long a call waits for its answer.
const DefaultTimeout = 5 * time.Second

// Service is one of the two services.
type Service string

// The services.
const (
	A Service = "a"
	B Service = "b"
)

// Valid reports whether s is one of the services above.
func (s Service) Valid() bool { return s == A || s == B }

// Name returns the service's full name, as in service_a.
func (s Service) Name() string { return "service_" + string(s) }

// Queue returns the name of the queue that the replicas share.
func (s Service) Queue() string { return s.Name() + ".compute" }

// Consumer returns the name of the process that consumes the shared queue for
// a replica.
func (s Service) Consumer(replica int) string {
	return fmt.Sprintf("%s.consumer@%d", s.Name(), replica)
}

// Server returns the name of the server process for an ID, which is the name
// of its queue too.
func (s Service) Server(id int64) string { return fmt.Sprintf("server_%s:%d", s, id) }

// other returns the service that s asks.
func (s Service) other() Service {
	if s == A {
		return B
	}
	return A
}

func validID(id int64) bool { return 1 <= id && id <= MaxID }

// contentType is that of both requests, which say an ID, and answers.
const contentType = "application/x-protobuf"

func encode(v int64) []byte {
	data, err := proto.Marshal(wrapperspb.Int64(v))
	if err != nil {
		panic(fmt.Sprintf("marshal an integer: %v", err)) // it has no field that could be invalid
	}
	return data
}

func decode(data []byte) (int64, error) {
	var v wrapperspb.Int64Value
	if err := proto.Unmarshal(data, &v); err != nil {
		return 0, fmt.Errorf("decode Int64Value: %w", err)
	}
	return v.GetValue(), nil
}
