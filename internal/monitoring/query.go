package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Series is one series of a query's result, with its samples in order.
type Series struct {
	Labels  map[string]string
	Samples []Sample
}

// Sample is a value at a time.
type Sample struct {
	At    time.Time
	Value float64
}

// Get returns what is at a URL.
func Get(ctx context.Context, address string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	defer func() { _ = r.Body.Close() }() // it was read
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s: %s", address, r.Status, body)
	}
	return body, nil
}

// Query returns what an expression has now.
func (s *Server) Query(ctx context.Context, expr string) ([]Series, error) {
	return s.query(ctx, "/api/v1/query", url.Values{"query": {expr}})
}

// QueryRange returns what an expression had from one time to another.
func (s *Server) QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Series, error) {
	return s.query(ctx, "/api/v1/query_range", url.Values{
		"query": {expr}, "start": {from.UTC().Format(time.RFC3339Nano)}, "end": {to.UTC().Format(time.RFC3339Nano)}, "step": {strconv.FormatFloat(step.Seconds(), 'f', -1, 64)},
	})
}

func (s *Server) query(ctx context.Context, path string, values url.Values) ([]Series, error) {
	body, err := Get(ctx, s.URL+path+"?"+values.Encode())
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  *point
				Values []point
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("query %s: %w", values.Get("query"), err)
	}
	all := make([]Series, 0, len(answer.Data.Result))
	for _, r := range answer.Data.Result {
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		one := Series{Labels: r.Metric}
		for _, p := range r.Values {
			one.Samples = append(one.Samples, Sample(p))
		}
		all = append(all, one)
	}
	return all, nil
}

// point is a sample in Prometheus's JSON: [seconds, "value"].
type point Sample

// UnmarshalJSON implements json.Unmarshaler.
func (p *point) UnmarshalJSON(text []byte) error {
	var seconds float64
	var value string
	if err := json.Unmarshal(text, &[]any{&seconds, &value}); err != nil {
		return err
	}
	whole, part := math.Modf(seconds)
	p.At = time.Unix(int64(whole), int64(part*1e9))
	var err error
	p.Value, err = strconv.ParseFloat(value, 64)
	return err
}
