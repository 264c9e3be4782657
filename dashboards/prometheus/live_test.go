package prometheus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector/sidecar"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watch runs a detector until the test ends, and returns where its HTTP API is.
func watch(t *testing.T, url string, dial func(network, addr string) (net.Conn, error)) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	address, ended := make(chan string, 1), make(chan error)
	go func() {
		ended <- sidecar.Run(ctx, sidecar.Config{
			URL: url, Dial: dial, Listen: "127.0.0.1:0", Listening: func(a net.Addr) { address <- a.String() },
		})
	}()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("detector: %v", err)
		}
	})
	return <-address
}

// get returns what is at a URL.
func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s\n%s", url, r.Status, body)
	}
	return string(body)
}

// scrape returns what Prometheus gets from a detector that has just started and
// has no broker.
func scrape(t *testing.T) string {
	t.Helper()
	nowhere := func(string, string) (net.Conn, error) { return nil, errors.New("no broker here") }
	return get(t, "http://"+watch(t, "amqp://nowhere/", nowhere)+"/metrics")
}

// metric is one metric as it is scraped.
type metric struct {
	kind   string
	labels map[string]map[string]bool // the values of each, without le
}

// metrics are waitgraph's own, by name.
type metrics map[string]metric

var (
	typeLine   = regexp.MustCompile(`(?m)^# TYPE (waitgraph_\w+) (\w+)$`)
	seriesLine = regexp.MustCompile(`(?m)^(waitgraph_\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+$`)
	labelPair  = regexp.MustCompile(`(\w+)\s*(?:=|!=|=~|!~)\s*"([^"]*)"`)
)

// parse reads metrics in Prometheus's text format.
func parse(text string) metrics {
	all := make(metrics)
	for _, m := range typeLine.FindAllStringSubmatch(text, -1) {
		all[m[1]] = metric{m[2], make(map[string]map[string]bool)}
	}
	for _, m := range seriesLine.FindAllStringSubmatch(text, -1) {
		for _, l := range labelPair.FindAllStringSubmatch(m[2], -1) {
			if l[1] == "le" {
				continue
			}
			values := all[m[1]].labels
			if values[l[1]] == nil {
				values[l[1]] = make(map[string]bool)
			}
			values[l[1]][l[2]] = true
		}
	}
	return all
}

// sampled reports whether there are samples of a name.
func (all metrics) sampled(name string) bool {
	if m, ok := all[name]; ok {
		return m.kind != "histogram"
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if family, ok := strings.CutSuffix(name, suffix); ok && all[family].kind == "histogram" {
			return true
		}
	}
	return false
}
