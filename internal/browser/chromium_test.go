package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is for what must come in any case.
const patience = 20 * time.Second

// tab is one of a Chromium of the test's own.
type tab struct {
	t   testing.TB
	ctx context.Context //nolint:containedctx // the life of the tab
}

// open starts Chromium with an empty profile and opens a page.
func open(t testing.TB, url string) tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: scripts/install chromium", err)
		}
		t.Skipf("%v: scripts/install chromium", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1280, 900),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close Chromium: %v", err)
		}
		closeTab()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil { // it lives as long as this context
		t.Fatalf("start Chromium: %v", err)
	}
	b := tab{t, ctx}
	b.do(chromedp.Navigate(url))
	return b
}

// do does it, and fails the test if it cannot be done.
func (b tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	result(b, chromedp.Steps(steps...))
}

// result returns what an action gives, and fails the test if it fails.
func result[T any](b tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("%v; the page says:\n%s", err, b.text())
	}
	return v
}

// value evaluates an expression, and waits for it if it is a promise.
func value[T any](b tab, expression string) T {
	b.t.Helper()
	return result(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// text returns all that the page says.
func (b tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`)) // whoever misses something says so
	return s
}

// see waits until the page says all of this.
func (b tab) see(words ...string) {
	b.t.Helper()
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		text := b.text()
		missing := ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return
		}
		if time.Since(began) > patience {
			b.t.Fatalf("the page does not say %q:\n%s", missing, text)
		}
	}
}

// press presses keys, one after the other.
func (b tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// tabTo presses the tab key until a condition holds.
func (b tab) tabTo(condition string) {
	b.t.Helper()
	for range 100 {
		if value[bool](b, condition) {
			return
		}
		b.press(kb.Tab)
	}
	b.t.Fatalf("no key leads to where %s", condition)
}

// busy returns for how many seconds the page's main thread has been at work.
func (b tab) busy() (seconds float64) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, performance.Enable, performance.EnableParams{}); err != nil {
			return err
		}
		r, err := chromedp.Call(ctx, performance.GetMetrics, cdp.Empty{})
		for _, m := range r.Metrics {
			if m.Name == "TaskDuration" {
				seconds = m.Value
			}
		}
		return err
	}))
	return seconds
}

// picture writes what is to be seen into the folder that PICTURES names, if it does.
func (b tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("PICTURES")
	if folder == "" {
		return
	}
	png := result(b, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(folder, name+".png"), png, 0o644); err != nil { //nolint:gosec // for everybody to look at
		b.t.Fatal(err)
	}
}

// prefer makes the page light or dark.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// schemes are the two that a reader can prefer.
var schemes = []string{"light", "dark"}

const axe = "../../detector/webpage/source/node_modules/axe-core/axe.min.js"

// accessible demands that axe-core finds nothing wrong, in either scheme, and on
// a telephone.
func (b tab) accessible(name string) {
	b.t.Helper()
	script, err := os.ReadFile(axe)
	if err != nil {
		if _, none := exec.LookPath("npm"); none == nil && os.Getenv("CI") == "true" {
			b.t.Fatalf("%v: make page", err)
		}
		b.t.Logf("not checked by axe-core: %v: make page", err)
		return
	}
	for _, scheme := range schemes {
		for _, width := range []int64{1280, 390} {
			b.do(prefer(scheme), chromedp.EmulateViewport(width, 900), chromedp.Evaluate[chromedp.Void](string(script)))
			found := value[[]string](b, `axe.run().then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.html + " " + n.failureSummary).join("; ")))`)
			for _, f := range found {
				b.t.Errorf("%s, %s, %d pixels: %s", name, scheme, width, f)
			}
			if wide := value[bool](b, `document.documentElement.scrollWidth > innerWidth`); wide {
				b.t.Errorf("%s is wider than %d pixels", name, width)
			}
			b.picture(fmt.Sprintf("%s-%s-%d", name, scheme, width))
		}
	}
	b.do(prefer("light"), chromedp.EmulateViewport(1280, 900))
}
