package clusterplay

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/demo/demotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExample(t *testing.T) {
	demotest.Play(t, Example(), "ann, ben, cyd", "lock play/lock/shelf a", `"confirmed_after_seconds"`, "deadlock confirmed</text>")
}

func TestInterrupted(t *testing.T) {
	demotest.Interrupt(t, Example(), 0, time.Millisecond, time.Second, 3*time.Second, 6*time.Second, 10*time.Second)
}
