package picture_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
	"github.com/waitgraph/waitgraph/dashboards/grafana/picture"
	"github.com/waitgraph/waitgraph/internal/monitoring"
)

// prometheus answers each query with one series of hostile names, or with none.
func prometheus(t *testing.T, value string) *monitoring.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if value == "" {
			fmt.Fprint(w, `{"data":{"result":[]}}`)
			return
		}
		at := float64(start.Unix()) + 60
		point := fmt.Sprintf(`"value":[%f,%q]`, at, value)
		if strings.HasSuffix(r.URL.Path, "query_range") {
			point = fmt.Sprintf(`"values":[[%f,%q],[%f,"NaN"],[%f,%q]]`, at, value, at+4, at+8, value)
		}
		names := `"id":"<&","title":"<&","source":"<&","target":"<&","waiter":"]]>","holder":"</svg>","resource":"\"","mainstat":"1 s","color":"red"`
		fmt.Fprintf(w, `{"data":{"result":[{"metric":{%s},%s}]}}`, names, point)
	}))
	t.Cleanup(s.Close)
	return &monitoring.Server{URL: s.URL}
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestPicturesAreWellFormed whatever there is to draw, and each panel is named.
func TestPicturesAreWellFormed(t *testing.T) {
	for _, value := range []string{"", "0", "1", "4.99", "1e-4", "1e9", "NaN"} {
		p := prometheus(t, value)
		for name, d := range grafana.All() {
			var b strings.Builder
			board := picture.Board{Dashboard: d, Instance: "localhost:8055", From: start, To: start.Add(5 * time.Minute)}
			if err := board.Draw(t.Context(), &b, p); err != nil {
				t.Fatalf("%s of %q: %v", name, value, err)
			}
			if bad := malformed(b.String()); bad != nil {
				t.Errorf("%s of %q: %v", name, value, bad)
			}
			for _, mistake := range []string{"NaN", "Inf", "%!"} {
				if strings.Contains(b.String(), mistake) {
					t.Errorf("%s of %q: %s in the picture", name, value, mistake)
				}
			}
			for _, panel := range d.Panels {
				if !strings.Contains(b.String(), ">"+panel.Title[:min(len(panel.Title), 3)]) {
					t.Errorf("%s of %q: no panel %s", name, value, panel.Title)
				}
			}
		}
	}
}

func malformed(text string) error {
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		switch _, err := d.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func TestAPrometheusThatFails(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	board := picture.Board{Dashboard: grafana.All()["graph.json"], From: start, To: start.Add(time.Minute)}
	var b strings.Builder
	if err := board.Draw(t.Context(), &b, &monitoring.Server{URL: s.URL}); err == nil || b.Len() > 0 {
		t.Errorf("drew %d bytes, and returned %v", b.Len(), err)
	}
}
