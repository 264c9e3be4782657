package entitiesplay

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/internal/demo/demotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExample(t *testing.T) {
	demotest.Play(t, Example(), "entity_1, entity_2", nameConflict, "deadlock confirmed</text>")
}

func TestInterrupted(t *testing.T) {
	demotest.Interrupt(t, Example(), 0, time.Millisecond, 20*time.Millisecond, time.Second, 1100*time.Millisecond, 3*time.Second)
}
