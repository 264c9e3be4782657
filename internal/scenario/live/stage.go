package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/scenario"
)

// Config says where to play.
type Config struct {
	URL string // of the broker: amqp:// or amqps://
	// Dial opens the transport; nil means TCP.
	Dial func(network, addr string) (net.Conn, error)
	Log  *slog.Logger // of all parts; nil: discarded
}

// Stage is a broker with a detector that watches what is played there. It is
// safe for concurrent use: several scenarios may be played at a time.
type Stage struct {
	cfg      Config
	hosts    [hosts]*host
	stranger *host // without an agent
	stop     context.CancelFunc
	ended    chan struct{} // closed when the detector is gone
	failed   error         // why it is; set before ended is closed

	mu    sync.Mutex
	plays map[string]*journal // by the first part of their processes' names
	count int                 // of plays so far
}

// ErrUnsupported says that a scenario can be played in virtual time only.
var ErrUnsupported = errors.New("not possible on real services")

// Supported returns an error, which wraps ErrUnsupported and says why, if a
// scenario cannot be played on real services.
func Supported(s *scenario.Scenario) error {
	no := func(format string, args ...any) error {
		return fmt.Errorf("%s: %w: %s", s.Name, ErrUnsupported, fmt.Sprintf(format, args...))
	}
	for i := range s.Services {
		switch one := &s.Services[i]; {
		case one.Reentrant:
			return no("%s is reentrant", one.Name)
		case one.Buffer > 0:
			return no("%s has a buffer", one.Name)
		case one.Consumers() > 1 && one.Prefetch != 1:
			return no("several workers of %s have a prefetch of %d", one.Name, one.Prefetch)
		}
	}
	for _, f := range s.Faults {
		if f.Part != scenario.Process && f.Action != scenario.Drop {
			return no("fault %s %s", f.Action, f.Part)
		}
	}
	return nil
}

// startTime is how long detector and hosts may take to start.
const startTime = 15 * time.Second

// Open starts a detector and waits until it knows who there is. The context is
// that of opening; the stage must be closed.
func Open(ctx context.Context, cfg Config) (*Stage, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Stage{cfg: cfg, stop: stop, ended: make(chan struct{}), plays: make(map[string]*journal)}
	s.house()
	serving := make(chan httpapi.System, 1)
	go func() {
		defer close(s.ended)
		s.failed = sidecar.Run(life, sidecar.Config{
			URL: cfg.URL, Dial: cfg.Dial, MustConnect: true, Log: cfg.Log, OnVerdict: s.announced,
			Serving: func(system httpapi.System) { serving <- system },
		})
	}()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err := s.ready(ctx, serving)
	if err == nil {
		err = s.connect(ctx)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// ready waits until the detector is.
func (s *Stage) ready(ctx context.Context, serving <-chan httpapi.System) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start detector: %w", err)
		}
	}()
	var system httpapi.System
	select {
	case system = <-serving:
	case <-s.ended:
		return s.failed
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		err := system.Ready()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.ended:
			return s.failed
		case <-ctx.Done():
			return err
		}
	}
}

// Close ends all that Open began. Nothing must be played any more.
func (s *Stage) Close() {
	s.disconnect()
	s.stop()
	<-s.ended
}

// announced hands an announcement to the play whose processes it is about.
func (s *Stage) announced(a detector.Announce) {
	if len(a.Verdict.Core) == 0 {
		return
	}
	play, _, _ := strings.Cut(a.Verdict.Core[0].Key.Process, "/")
	s.mu.Lock()
	j := s.plays[play]
	s.mu.Unlock()
	if j == nil {
		return
	}
	a.Verdict.Core = within(play, a.Verdict.Core)
	a.Verdict.Collateral = within(play, a.Verdict.Collateral)
	j.announced(a)
}

// within returns members under the names that they have in their play.
func within(play string, members []detector.Member) []detector.Member {
	members = slices.Clone(members)
	for i := range members {
		name := &members[i].Key.Process
		*name = strings.TrimPrefix(*name, play+"/")
	}
	return members
}

// enter makes a play known, and returns its number.
func (s *Stage) enter(play string, j *journal) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plays[play] = j
	s.count++
	return s.count
}

func (s *Stage) leave(play string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.plays, play)
}
