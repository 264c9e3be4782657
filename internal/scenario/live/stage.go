package live

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/sidecar"
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
	detector *watcher
	hosts    []*host

	mu    sync.Mutex
	plays map[string]*journal // by the first part of their processes' names
	count int                 // of plays so far
}

// shared is how many hosts a stage has for all plays together. Agents that come
// and go with each play would leave the detector with questions that nobody
// answers, and it cannot be sure of a pool then, whoever the agent belongs to.
const shared = 8

// startTime is how long detector and hosts may take to start.
const startTime = 15 * time.Second

// Open starts a detector and waits until it knows who there is. The context is
// that of opening; the stage must be closed.
func Open(ctx context.Context, cfg Config) (*Stage, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return open(ctx, cfg, shared)
}

// open opens a stage with a number of hosts. Its detector hears no other agents
// than theirs.
func open(ctx context.Context, cfg Config, hosts int) (*Stage, error) {
	name := "scenario-" + rand.Text()[:8]
	s := &Stage{cfg: cfg, plays: make(map[string]*journal)}
	for i := range hosts {
		s.hosts = append(s.hosts, newHost(cfg, name, fmt.Sprintf("%s/%d", name, i+1)))
	}
	serving := make(chan httpapi.System, 1)
	s.detector = newWatcher(sidecar.Config{
		URL: cfg.URL, Dial: cfg.Dial, Services: []string{name}, MustConnect: true, Log: cfg.Log, OnVerdict: s.announced,
		Serving: func(system httpapi.System) {
			select {
			case serving <- system:
			default: // this is not the first one
			}
		},
	})
	s.detector.start()
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := s.begin(ctx, serving); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// begin starts the hosts, and waits for them and the detector.
func (s *Stage) begin(ctx context.Context, serving <-chan httpapi.System) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.detector.ready(ctx, serving) })
	for _, h := range s.hosts {
		all.Go(func() error { return h.start(ctx) })
	}
	return all.Wait()
}

// Close ends all that Open began. Nothing must be played any more.
func (s *Stage) Close() {
	var all sync.WaitGroup
	for _, h := range s.hosts {
		all.Go(h.stop)
	}
	all.Wait()
	s.detector.close()
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
