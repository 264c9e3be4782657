package webpage

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBuilt builds the page and compares it with what the program has of it.
func TestBuilt(t *testing.T) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skipf("%v", err)
	}
	if _, err := os.Stat("source/node_modules/esbuild"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: make page", err)
		}
		t.Skipf("%v: make page", err)
	}
	folder := t.TempDir()
	c := exec.CommandContext(t.Context(), npm, "run", "build", "--", "--outdir="+folder) //nolint:gosec // of this test
	c.Dir = "source"
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil || len(built) != 3 {
		t.Fatalf("%d files were built, %v", len(built), err)
	}
	for _, name := range built {
		want, err := os.ReadFile(name) //nolint:gosec // of this test
		if err != nil {
			t.Fatal(err)
		}
		if got, err := files.ReadFile("page/" + filepath.Base(name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what is built of the source: make page", filepath.Base(name))
		}
	}
}

func TestServes(t *testing.T) {
	for path, want := range map[string]string{
		"/": "text/html", "/deadlocks": "text/html", "/deadlocks/a%2fb": "text/html",
		"/assets/main.js": "text/javascript", "/assets/worker.js": "text/javascript", "/assets/page.css": "text/css", "/assets/icon.svg": "image/svg+xml",
	} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		h := w.Header()
		if w.Code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), want) || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		again := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", h.Get("Etag"))
		w = httptest.NewRecorder()
		Handler().ServeHTTP(w, again)
		if w.Code != http.StatusNotModified {
			t.Errorf("%s is sent again although it is known: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/assets/none.js", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("what is not there is answered with %d", w.Code)
	}
}
