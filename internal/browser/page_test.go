package browser

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/waitgraph/waitgraph/detector/gate"
	"github.com/waitgraph/waitgraph/detector/sidecar"
	"github.com/waitgraph/waitgraph/internal/brokertest"
	"github.com/waitgraph/waitgraph/internal/monitoring"
	"github.com/waitgraph/waitgraph/services/compute"
)

// system is the example with callers that may ask for the ID that deadlocks.
type system struct {
	t      *testing.T
	ctx    context.Context //nolint:containedctx // the life of the system
	broker monitoring.Broker
}

func newSystem(t *testing.T, b brokertest.Broker) *system {
	ctx, stop := context.WithCancel(context.Background())
	s := &system{t, ctx, monitoring.Broker{URL: b.URL, Dial: b.Dial}}
	wait := monitoring.Example(ctx, s.broker)
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := wait(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// detect runs a detector, and returns where it is found and what stops it.
func (s *system) detect(cfg sidecar.Config) (address string, stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.ctx)
	cfg.URL, cfg.Dial, cfg.TraceURL = s.broker.URL, s.broker.Dial, "http://localhost:16686/trace/{trace}"
	address, wait, err := monitoring.Detector(ctx, cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return address, func() {
		cancel()
		if err := wait(); err != nil {
			s.t.Error(err)
		}
	}
}

// deadlock has somebody ask again and again for the ID that deadlocks, until
// the returned function is called.
func (s *system) deadlock() (enough func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() {
		ended <- compute.RunLoad(ctx, compute.LoadConfig{URL: s.broker.URL, Dial: s.broker.Dial, Callers: 1, Pause: time.Hour, Cyclic: 500 * time.Millisecond})
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	}
}

// TestLogin comes to a page by its token, and is asked for it anew when it is changed.
func TestLogin(t *testing.T) {
	brokertest.InRealTime(t, func(t *testing.T, b brokertest.Broker) {
		token := filepath.Join(t.TempDir(), "token")
		write := func(text string) {
			if err := os.WriteFile(token, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write("a token of the test")
		s := newSystem(t, b)
		address, stop := s.detect(sidecar.Config{Gate: gate.Config{TokenFile: token}})
		page := open(t, "http://"+address+"/deadlocks?process=x")
		page.see("The token of this detector")
		page.do(chromedp.SendKeys(chromedp.CSS("#token"), "a guess, and a wrong one"+kb.Enter))
		page.see("That is not the token")
		page.do(chromedp.SendKeys(chromedp.CSS("#token"), "a token of the test"+kb.Enter))
		page.see("Nothing wrong", "No deadlock stands")
		if at := value[string](page, `location.pathname + location.search`); at != "/deadlocks?process=x" {
			t.Errorf("it led to %s", at)
		}
		stop()
		write("another token of the test")
		_, stop = s.detect(sidecar.Config{Listen: address, Gate: gate.Config{TokenFile: token}})
		defer stop()
		page.see("The token of this detector")
		page.do(chromedp.Navigate("about:blank"))
	}, "service_a.compute", "service_b.compute")
}

// TestDeadlockAppears follows a deadlock on a page that is never loaded again,
// though the detector restarts under it.
func TestDeadlockAppears(t *testing.T) {
	brokertest.InRealTime(t, deadlockAppears, "service_a.compute", "service_b.compute")
}

func deadlockAppears(t *testing.T, b brokertest.Broker) {
	otel.SetTracerProvider(sdk.NewTracerProvider())
	t.Cleanup(func() { otel.SetTracerProvider(noop.NewTracerProvider()) })
	s := newSystem(t, b)
	address, stop := s.detect(sidecar.Config{})
	page := open(t, "http://"+address)
	page.do(chromedp.Evaluate[chromedp.Void](`window.loaded = "once"`))
	page.see("Nothing wrong", "Nobody waits for anybody")

	enough := s.deadlock()
	page.see("1 deadlock stands", "server_a:42", "server_b:42", "service_a.consumer", "confirmed", "Standing deadlocks")
	page.do(chromedp.WaitVisible(chromedp.CSS(".box.core")), chromedp.WaitVisible(chromedp.CSS(".arrow.core")))
	if n := value[int](page, `document.querySelectorAll(".box.core").length`); n != 4 {
		t.Errorf("%d processes are drawn as the core, want 4", n)
	}
	page.picture("live-graph")
	page.do(chromedp.Click(chromedp.CSS(".card a")))
	page.see("a cycle of 4 processes", "It can be checked", "server_a:42 has waited", "Blocked behind it")
	if marks := value[string](page, `document.querySelector(".timeline").ariaLabel`); marks == "" {
		t.Error("there is no timeline")
	}
	if n := value[int](page, `document.querySelectorAll("a[href^='http://localhost:16686/trace/']").length`); n < 4 {
		t.Errorf("%d links to traces", n)
	}
	page.see("resolved", "It ended by: timeout")
	page.picture("live-deadlock")
	enough()

	page.do(chromedp.Click(chromedp.CSS("nav a")))
	page.see("Nothing wrong")
	stop()
	page.see("Connecting again")
	_, stop = s.detect(sidecar.Config{Listen: address})
	defer stop()
	page.see("Nothing wrong")
	if once := value[string](page, `window.loaded`); once != "once" {
		t.Error("the page was loaded again")
	}
	page.do(chromedp.Navigate("about:blank")) // lets go of the events
}
