package poolplay

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/demo/demotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExample(t *testing.T) { demotest.Play(t, Example(), "worker:1.1, worker:1.2") }

func TestInterrupted(t *testing.T) {
	demotest.Interrupt(t, Example(), 0, time.Millisecond, 2*time.Second, 4*time.Second, 12*time.Second)
}
