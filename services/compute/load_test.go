package compute_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/services/compute"
	"github.com/waitgraph/waitgraph/tracing/amqprpc"
)

// TestLoad: callers ask both services, and the one that asks for 42 crashes.
func TestLoad(t *testing.T) {
	onEach(t, func(t *testing.T, b brokertest.Broker) {
		s := newSystem(t, b)
		s.pair(1, 2, 41, 42, 43, 60)
		ctx, cancel := context.WithTimeout(t.Context(), 5*timeout)
		defer cancel()

		var mu sync.Mutex
		answered := make(map[string]int)
		var crashed []string
		err := compute.RunLoad(ctx, compute.LoadConfig{
			URL: b.URL, Dial: b.Dial, Callers: 2, Pause: 10 * time.Millisecond, Cyclic: 2 * timeout, Timeout: timeout,
			Hooks: compute.Hooks{
				Calling: func(_, queue string) func(error) {
					return func(err error) {
						mu.Lock()
						defer mu.Unlock()
						if err == nil {
							answered[queue]++
						}
					}
				},
				Crashed: func(process string, cause error) {
					mu.Lock()
					defer mu.Unlock()
					if !errors.Is(cause, amqprpc.ErrTimeout) {
						t.Errorf("%s crashed: %v", process, cause)
					}
					crashed = append(crashed, process)
				},
			},
		})
		if err != nil {
			t.Fatalf("RunLoad: %v", err)
		}
		for _, service := range []compute.Service{compute.A, compute.B} {
			if answered[service.Queue()] == 0 {
				t.Errorf("%s answered nothing", service.Name())
			}
		}
		if !slices.Contains(crashed, "caller:1") {
			t.Errorf("crashed: %v, want caller:1, which asks for 42", crashed)
		}
	})
}

func TestLoadConfigIsValidated(t *testing.T) {
	good := compute.LoadConfig{Callers: 1, Pause: time.Second}
	if err := good.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
	for name, change := range map[string]func(*compute.LoadConfig){
		"nobody asks":    func(c *compute.LoadConfig) { c.Callers = 0 },
		"no pause":       func(c *compute.LoadConfig) { c.Pause = 0 },
		"negative pace":  func(c *compute.LoadConfig) { c.Cyclic = -1 },
		"negative pause": func(c *compute.LoadConfig) { c.Pause = -1 },
	} {
		c := good
		change(&c)
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
