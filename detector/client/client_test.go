package client

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/waitgraph/waitgraph/detector"
	"github.com/waitgraph/waitgraph/detector/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a token that nobody guesses"

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// file returns the name of one that holds a text.
func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestUnusableConfigurations(t *testing.T) {
	const badURL = "unusable URL of the detector: it must be like http://127.0.0.1:8055"
	for _, tt := range []struct {
		name string
		cfg  Config
		want string
	}{
		{"no URL", Config{}, badURL},
		{"no scheme", Config{Server: "localhost:8055"}, badURL},
		{"another scheme", Config{Server: "ftp://h/"}, badURL},
		{"no host", Config{Server: "http:///x"}, badURL},
		{"a password in it", Config{Server: "http://u:secret@h/"}, badURL},
		{"a broken one with a password", Config{Server: "http://u:secret%zz@h/"}, badURL},
		{"no token file", Config{Server: "http://h", TokenFile: "/nowhere"}, "read token: stat /nowhere"},
		{"an empty token", Config{Server: "http://h", TokenFile: file(t, "\n")}, "read token: it is empty"},
		{"a token in the clear", Config{Server: "http://h", Token: "secret"}, "h is another machine: a token must be sent to it by https"},
		{"no certificates", Config{Server: "https://h", CAFile: "/nowhere"}, "read certificates: open /nowhere"},
		{"none in the file", Config{Server: "https://h", CAFile: file(t, "secret")}, "holds none"},
	} {
		if _, err := New(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestQuestions checks what is asked for.
func TestQuestions(t *testing.T) {
	var asked []string
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.EscapedPath()+"?"+r.URL.RawQuery+" "+r.Header.Get("Authorization"))
		_, _ = io.WriteString(w, "{}")
	})
	c := connect(t, Config{Server: s.URL + "/behind/proxy/", TokenFile: file(t, token+"\n"), Token: "the file's goes first"})
	cursor, _ := history.ParseCursor("")
	noon := time.Date(2026, 11, 21, 12, 0, 0, 1, time.FixedZone("", 3600))
	for _, ask := range []func() error{
		func() error { _, err := c.Deadlocks(t.Context(), history.Query{After: cursor}); return err },
		func() error {
			_, err := c.Deadlocks(t.Context(), history.Query{Since: noon, Service: "a&b=c", Process: "p", Status: detector.Confirmed, Fingerprint: "f", Limit: 7})
			return err
		},
		func() error { _, err := c.Deadlock(t.Context(), "../x?y#z"); return err },
		func() error { _, err := c.Graph(t.Context()); return err },
		func() error { _, err := c.Drawing(t.Context(), "svg"); return err },
		func() error { _, err := c.Ready(t.Context()); return err },
		func() error { _, err := c.Live(t.Context()); return err },
	} {
		if err := ask(); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"GET /behind/proxy/api/v1/deadlocks? Bearer " + token,
		"GET /behind/proxy/api/v1/deadlocks?fingerprint=f&limit=7&process=p&service=a%26b%3Dc&since=2026-11-21T11%3A00%3A00.000000001Z&status=confirmed Bearer " + token,
		"GET /behind/proxy/api/v1/deadlocks/..%2Fx%3Fy%23z? Bearer " + token,
		"GET /behind/proxy/api/v1/graph? Bearer " + token,
		"GET /behind/proxy/api/v1/graph?format=svg Bearer " + token,
		"GET /behind/proxy/readyz? Bearer " + token,
		"GET /behind/proxy/livez? Bearer " + token,
	}
	if d := cmp.Diff(want, asked); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestBadAnswers(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"problem", `{"title":"t","detail":"this needs the token"}`, 401, "ask the detector: this needs the token"},
		{"hostile problem", `{"detail":"a\u001b[2J\nb"}`, 503, `ask the detector: a\x1b[2J\nb`},
		{"problem without words", `{"title":"t"}`, 500, "ask the detector: it answers with status 500"},
		{"error of a proxy", "<html>\x1b", 502, "ask the detector: it answers with status 502"},
		{"nothing found", "", 404, "ask the detector: it answers with status 404"},
		{"nothing said", "", 200, "ask the detector: unexpected end of JSON input"},
		{"page of something else", "<html>", 200, "ask the detector: invalid character '<' looking for beginning of value"},
		{"another form", `{"processes":7}`, 200, "ask the detector: json: cannot unmarshal number into Go struct field Graph.processes of type []explain.Node"},
		{"no content", "", 204, "ask the detector: it answers with status 204"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			_, err := connect(t, Config{Server: s.URL}).Graph(t.Context())
			if err == nil || err.Error() != tt.want {
				t.Errorf("%v\nwant %s", err, tt.want)
			}
		})
	}
}

func TestCutAnswer(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"processes":[]}`)
	})
	if _, err := connect(t, Config{Server: s.URL}).Graph(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// TestTokenStays redirects to another server and to another path of the same one.
func TestTokenStays(t *testing.T) {
	asked := 0
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) { asked++; _, _ = io.WriteString(w, "{}") })
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, to := range []string{other.URL, "/elsewhere"} {
			mine := 0
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if mine++; mine > 1 {
					return
				}
				http.Redirect(w, r, to, status)
			})
			_, err := connect(t, Config{Server: s.URL, Token: token}).Graph(t.Context())
			if err == nil || strings.Contains(err.Error(), token) || mine != 1 || asked != 0 {
				t.Errorf("%d to %s: asked %d times here and %d times there, %v", status, to, mine, asked, err)
			}
		}
	}
}

func TestUnsendableTokenIsNotShown(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	_, err := connect(t, Config{Server: s.URL, Token: "secret\r\nX: y"}).Graph(t.Context())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestTimeout(t *testing.T) {
	for name, begin := range map[string]bool{"no answer": false, "half an answer": true} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if begin {
					_, _ = io.WriteString(w, "{")
					w.(http.Flusher).Flush() //nolint:forcetypeassert // it is one
				}
				<-r.Context().Done()
				close(gone)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := connect(t, Config{Server: s.URL, Token: token}).Graph(ctx); !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), token) {
				t.Error(err)
			}
			<-gone
		})
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"pools": []map[string]string{{"queue": r.Header.Get("Authorization")}}})
	}))
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	g, err := connect(t, Config{Server: s.URL, Token: token, CAFile: ca}).Graph(t.Context())
	if err != nil || len(g.Pools) != 1 || g.Pools[0].Queue != "Bearer "+token {
		t.Errorf("%v: %+v", err, g)
	}
	if _, err := connect(t, Config{Server: s.URL, Token: token}).Graph(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a stranger is trusted: %v", err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connect(t, Config{Server: "https://localhost:" + u.Port(), CAFile: ca}).Graph(t.Context()); err == nil || !strings.Contains(err.Error(), "not localhost") {
		t.Errorf("a certificate of another host is taken: %v", err)
	}
}
