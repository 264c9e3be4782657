package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/explain"
	"github.com/waitgraph/waitgraph/detector/history"
	"github.com/waitgraph/waitgraph/detector/httpapi"
	"github.com/waitgraph/waitgraph/detector/report"
)

// frozen is a detector that always says the same: that of v1's core each waits
// for the next, and the others for one of its service or of the next.
type frozen struct {
	at      time.Time
	state   atomic.Pointer[httpapi.State] // nil: that of these members
	core    []detector.Member
	members []detector.Process
}

// hostile is a name that would be an element if it were not escaped.
const hostile = `<img src=x onerror="window.owned=1">`

// newFrozen freezes a core of 4 among n processes of these services.
func newFrozen(n, services int) *frozen {
	f := &frozen{at: time.Now()}
	key := func(i int) report.Key {
		return report.Key{Agent: report.Agent{Name: fmt.Sprint("agent", i%services), Incarnation: 1}, Process: fmt.Sprint("worker:", i), Activation: 1}
	}
	for i := range n {
		next := []report.Key{key((i + 1) % n), key((i + services) % n)}
		if i < 4 {
			next = []report.Key{key((i + 1) % 4)}
		}
		m := detector.Member{Key: key(i), Service: fmt.Sprint("service", i%services), Host: "host", Need: 1}
		if i == 0 {
			m.Service = hostile
		}
		for j, holder := range next {
			m.Waits = append(m.Waits, detector.Edge{
				Wait: report.Wait{
					Resource: report.Resource(fmt.Sprint("reply/", i, "/", j)), Kind: report.Reply,
					Destination: report.Destination{Key: hostile}, Trace: report.TraceContext{TraceID: [16]byte{1}},
					Since: f.at.Add(-time.Duration(i) * time.Millisecond), Deadline: f.at.Add(time.Minute),
				},
				Holders: []report.Key{holder},
			})
		}
		p := detector.Process{Member: m, Deadlocked: i < 4}
		if i < 4 {
			p.Verdict = "v1"
			f.core = append(f.core, m)
		}
		f.members = append(f.members, p)
	}
	return f
}

func (f *frozen) Alive(context.Context) error { return nil }
func (f *frozen) Ready() error                { return nil }

func (f *frozen) State() (httpapi.State, error) {
	if s := f.state.Load(); s != nil {
		return *s, nil
	}
	return httpapi.State{
		Started: f.at, Ready: true, Agents: 2, Processes: len(f.members), Standing: 1, Confirmed: 1, Deadlocked: 4,
		Reports: uint64(time.Now().UnixMilli()), TraceURL: "http://localhost:16686/trace/{trace}", //nolint:gosec // it is after 1970
	}, nil
}

func (f *frozen) deadlock() history.Deadlock {
	v := detector.Verdict{ID: "v1", Kind: detector.Cycle, Status: detector.Confirmed, Core: f.core, Since: f.at.Add(-time.Second), Suspected: f.at.Add(-998 * time.Millisecond), Confirmed: f.at.Add(-997 * time.Millisecond)}
	d := history.Bare([]explain.Verdict{explain.Of(v, f.at)})[0]
	d.Recurrence = &history.Recurrence{Before: 2, First: f.at.Add(-time.Hour), Last: f.at.Add(-time.Minute)}
	return d
}

func (f *frozen) Deadlocks(_ context.Context, q history.Query) (httpapi.Deadlocks, error) {
	d := httpapi.Deadlocks{At: f.at, Standing: []history.Deadlock{}, Past: []history.Deadlock{}, History: "off"}
	if q.Process == "" || q.Process == "worker:1" {
		d.Standing, d.StandingCount = []history.Deadlock{f.deadlock()}, 1
	}
	return d, nil
}

func (f *frozen) Deadlock(_ context.Context, id string) (httpapi.Deadlock, bool, error) {
	return httpapi.Deadlock{Deadlock: f.deadlock(), Unproven: "it is made up"}, id == "v1", nil
}

func (f *frozen) Graph(context.Context) (detector.Snapshot, time.Time, error) {
	return detector.Snapshot{Processes: f.members}, time.Now(), nil // the waits grow older
}

func (f *frozen) serve(t testing.TB) string {
	s := httptest.NewServer(httpapi.NewHandler(f, http.NotFoundHandler()))
	t.Cleanup(s.Close)
	return s.URL
}

// TestAccessible has axe-core look at each view.
func TestAccessible(t *testing.T) {
	url := newFrozen(12, 3).serve(t)
	page := open(t, url)
	for _, view := range []struct{ path, says string }{
		{"/", "The longest waits"}, {"/deadlocks", "No deadlock has ended"}, {"/deadlocks/v1", "made up"}, {"/deadlocks/none", "there is no verdict"},
	} {
		page.do(chromedp.Navigate(url + view.path))
		page.see(view.says, "1 deadlock stands")
		page.accessible("view" + fmt.Sprint(len(view.path)))
	}
	if value[bool](page, `Boolean(window.owned || document.querySelector("img"))`) {
		t.Error("a name became an element")
	}
}

// TestHonest shows that the page says what it cannot know.
func TestHonest(t *testing.T) {
	f := newFrozen(12, 3)
	page := open(t, f.serve(t))
	for says, state := range map[string]httpapi.State{
		"Not sure of anything: recovering": {Reason: "recovering", Agents: 1},
		"No agent reports":                 {Ready: true},
		"1 agent has fallen silent":        {Ready: true, Agents: 1, Silent: 1},
		"1 deadlock is suspected":          {Ready: true, Agents: 1, Standing: 1},
		"Nothing wrong":                    {Ready: true, Agents: 1},
	} {
		f.state.Store(&state)
		page.see(says)
		if wrong := "Nothing wrong"; says != wrong && strings.Contains(page.text(), wrong) {
			t.Errorf("it says besides that nothing is wrong")
		}
	}
}

// large is a frozen detector whose deadlock is too large to be told in full.
type large struct{ *frozen }

func (l large) Deadlocks(ctx context.Context, q history.Query) (httpapi.Deadlocks, error) {
	d, err := l.frozen.Deadlocks(ctx, q)
	d.Standing[0].Shorten()
	return d, err
}

func (l large) Deadlock(ctx context.Context, id string) (httpapi.Deadlock, bool, error) {
	d, ok, err := l.frozen.Deadlock(ctx, id)
	d.Sentences, d.Core = d.Sentences[:1], d.Core[:2]
	d.Core[1].Waits, d.Core[1].WaitCount = nil, 777
	return d, ok, err
}

// TestWhatIsLeftOutIsCounted shows that the page tells of lists that they are cut.
func TestWhatIsLeftOutIsCounted(t *testing.T) {
	s := httptest.NewServer(httpapi.NewHandler(large{newFrozen(12, 3)}, http.NotFoundHandler()))
	t.Cleanup(s.Close)
	page := open(t, s.URL)
	page.do(chromedp.Navigate(s.URL + "/deadlocks"))
	page.see("4 processes", "1 deadlock stands")
	page.do(chromedp.Navigate(s.URL + "/deadlocks/v1"))
	page.see("And 3 more such waits", "The first 2 of 4", "777 waits")
}

// TestKeyboard goes from the graph to the deadlock and back, filters, and folds,
// by keys alone.
func TestKeyboard(t *testing.T) {
	url := newFrozen(12, 3).serve(t)
	page := open(t, url)
	page.see("The longest waits")
	page.tabTo(`document.activeElement.matches(".card a")`)
	page.press(kb.Enter)
	page.see("made up")
	if at := value[string](page, `location.pathname + " " + document.activeElement.tagName`); at != "/deadlocks/v1 H1" {
		t.Errorf("the focus is at %s", at)
	}
	page.do(chromedp.NavigateBack())
	page.see("The longest waits")

	page.tabTo(`document.activeElement.matches(".canvas svg")`)
	before := value[string](page, `document.querySelector(".canvas svg > g").getAttribute("transform")`)
	page.press("+")
	if value[string](page, `document.querySelector(".canvas svg > g").getAttribute("transform")`) == before {
		t.Error("plus does not zoom")
	}
	page.tabTo(`document.activeElement.ariaLabel === "Fold service1"`)
	page.press(kb.Enter)
	page.do(chromedp.WaitVisible(chromedp.CSS(".box.folded")))

	page.tabTo(`document.activeElement.textContent === "Deadlocks"`)
	page.press(kb.Enter)
	page.see("No deadlock has ended", "worker:0")
	page.tabTo(`document.activeElement.name === "process"`)
	page.press("worker:99" + kb.Enter)
	page.see("No deadlock stands")
	if query := value[string](page, `location.search`); query != "?process=worker%3A99" {
		t.Errorf("what is filtered by is not in the address: %s", query)
	}
}

// TestThousands shows that 5,000 processes are readable: folded, but for the core.
func TestThousands(t *testing.T) {
	page := open(t, newFrozen(5000, 20).serve(t))
	page.see("processes are folded", "Unfold", "worker:0")
	boxes := value[int](page, `document.querySelectorAll(".box").length`)
	if boxes < 20 || boxes > 60 {
		t.Errorf("%d boxes are drawn", boxes)
	}
	if n := value[int](page, `document.querySelectorAll(".box.core:not(.folded)").length`); n != 4 {
		t.Errorf("%d members of the core are drawn, want 4", n)
	}
	page.picture("thousands")
	page.do(chromedp.Click(chromedp.CSS(".box.folded")))
	page.do(chromedp.Poll[chromedp.Void](fmt.Sprintf(`document.querySelectorAll(".box").length > %d + 200`, boxes)))
	page.picture("unfolded")
}

// BenchmarkUpdate measures what an update of a page with 5,000 processes and
// 10,000 waits takes of its main thread, by the browser's own account.
func BenchmarkUpdate(b *testing.B) {
	page := open(b, newFrozen(5000, 20).serve(b))
	page.see("processes are folded")
	page.do(chromedp.Evaluate[chromedp.Void](`new PerformanceObserver(l => l.getEntries().forEach(e => window.longestTask = Math.max(window.longestTask ?? 0, e.duration))).observe({type: "longtask"});
		window.drawn = 0; new MutationObserver(() => window.drawn++).observe(document.querySelector("main"), {subtree: true, childList: true, attributes: true, characterData: true})`))
	began, seconds := value[int](page, `window.drawn`), page.busy()
	n := 0
	for b.Loop() {
		page.do(chromedp.Poll[chromedp.Void](fmt.Sprintf(`window.drawn > %d`, began+n)))
		n++
	}
	drawn := value[int](page, `window.drawn`) - began
	b.ReportMetric((page.busy()-seconds)*1000/float64(max(1, drawn)), "main-thread-ms/update")
	b.ReportMetric(value[float64](page, `window.longestTask ?? 0`), "longest-task-ms")
}
