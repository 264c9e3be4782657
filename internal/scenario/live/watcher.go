package live

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/sidecar"
)

// watcher is the detector of a stage, in one life after the other.
type watcher struct {
	cfg    sidecar.Config
	line   *line
	failed chan struct{} // closed when it has ended though nobody told it to
	err    error         // why; set before failed is closed

	mu    sync.Mutex
	stop  context.CancelFunc // nil while it is down
	ended chan struct{}      // of the present life, closed at its end
}

func newWatcher(cfg sidecar.Config) *watcher {
	return &watcher{cfg: cfg, line: newLine(cfg.Dial), failed: make(chan struct{})}
}

// start begins a life, in which the detector knows nothing.
func (w *watcher) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil || w.broken() {
		return
	}
	life, stop := context.WithCancel(context.Background())
	cfg, ended := w.cfg, make(chan struct{})
	cfg.Dial = w.line.dialer(life)
	w.stop, w.ended = stop, ended
	go func() {
		defer close(ended)
		if err := sidecar.Run(life, cfg); err != nil {
			w.err = err
			close(w.failed)
		}
	}()
}

func (w *watcher) broken() bool {
	select {
	case <-w.failed:
		return true
	default:
		return false
	}
}

// end ends the present life. Before that, if it is given, cut lets nothing of it
// out any more.
func (w *watcher) end(cut func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop == nil {
		return
	}
	w.stop()
	cut()
	<-w.ended
	w.stop = nil
}

// close ends the detector in good order.
func (w *watcher) close() { w.end(func() {}) }

// kill ends it without a word.
func (w *watcher) kill() { w.end(w.line.cut) }

// ready waits until a detector that has been started is.
func (w *watcher) ready(ctx context.Context, serving <-chan httpapi.System) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("start detector: %w", err)
		}
	}()
	var system httpapi.System
	select {
	case system = <-serving:
	case <-w.failed:
		return w.err
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
		case <-w.failed:
			return w.err
		case <-ctx.Done():
			return err
		}
	}
}
