package chokepointplay

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/demo/demotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExample(t *testing.T) {
	demotest.Play(t, Example(), "key_1@n2, key_2@n3", shown(crowd), "deadlock confirmed</text>")
}

func TestInterrupted(t *testing.T) {
	demotest.Interrupt(t, Example(), 0, time.Millisecond, 1100*time.Millisecond, 4500*time.Millisecond, 6*time.Second)
}
