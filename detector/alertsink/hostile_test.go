package alertsink

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waitgraph/waitgraph/detector"
)

const (
	password = "hunter2hunter2"
	encoded  = "b3BzOmh1bnRlcjJodW50ZXIy" // ops:hunter2hunter2 in base64
)

// TestSecretsStayHidden has receivers that repeat what they were sent in all
// the ways there are.
func TestSecretsStayHidden(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":     "%s\r\n\r\n",
		"status":      "HTTP/1.1 400 %s\r\nContent-Length: 0\r\n\r\n",
		"number":      "HTTP/1.1 %s\r\n\r\n",
		"header":      "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"body":        "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n%s",
		"redirect":    "HTTP/1.1 307 Away\r\nLocation: http://%s/\r\nContent-Length: 0\r\n\r\n",
		"bad length":  "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"bad address": "HTTP/1.1 301 Away\r\nLocation: :%%%s\r\nContent-Length: 0\r\n\r\n",
	} {
		for _, user := range []string{"", "ops"} {
			t.Run(name+user, func(t *testing.T) {
				address := answering(t, answer)
				file := filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				trouble := make(chan error, 100)
				cfg := Config{
					Webhooks: Receivers{URLs: []string{"http://" + address + "/" + password}, User: user, TokenFile: file},
					Trouble:  func(_ string, err error) { trouble <- err },
				}
				s, _ := start(t, cfg, newTransport())
				s.say("v1", detector.Confirmed)
				if err := (<-trouble).Error(); strings.Contains(err, password) || strings.Contains(err, encoded) || !strings.Contains(err, address) {
					t.Errorf("trouble: %s", err)
				}
			})
		}
	}
}

// answering returns the address of a server that puts what authenticates a
// request into its answer.
func answering(t *testing.T, format string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				fmt.Fprintf(c, format, r.Header.Get("Authorization"))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// TestEndlessAnswersAreCutShort has a receiver whose answer never ends: it counts
// as its status says, and the next alert gets through.
func TestEndlessAnswersAreCutShort(t *testing.T) {
	told := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		told <- struct{}{}
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("nonsense", 1<<10)); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	s, _ := start(t, Config{Webhooks: Receivers{URLs: []string{server.URL}}}, newTransport())
	for i := range 3 {
		s.say(fmt.Sprint("v", i), detector.Confirmed)
		<-told
	}
}

func TestTokensAreSent(t *testing.T) {
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "token")
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("first\n")
	s, _ := start(t, Config{Alertmanagers: Receivers{URLs: []string{server.URL}, TokenFile: file}}, newTransport())
	s.say("v1", detector.Confirmed)
	if g := <-got; g != "Bearer first" {
		t.Errorf("got %q", g)
	}
	write("second")
	s.say("v2", detector.Confirmed)
	if g := <-got; g != "Bearer second" {
		t.Errorf("the file was replaced, and it still got %q", g)
	}
	s, _ = start(t, Config{Webhooks: Receivers{URLs: []string{server.URL}, User: "ops", Token: password}}, newTransport())
	s.say("v1", detector.Confirmed)
	if g := <-got; g != "Basic "+encoded {
		t.Errorf("got %q", g)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	cfg := Config{Webhooks: Receivers{Token: password}}
	data, err := json.Marshal(cfg.Webhooks)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", cfg.Webhooks, "token", cfg.Webhooks.Token)
	for _, s := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v", cfg, cfg), string(data), log.String()} {
		if strings.Contains(s, password) {
			t.Error(s)
		}
	}
}

func TestValidate(t *testing.T) {
	dir := t.TempDir()
	empty, lines := filepath.Join(dir, "empty"), filepath.Join(dir, "lines")
	for name, s := range map[string]string{empty: " \n", lines: password + "\nmore"} {
		if err := os.WriteFile(name, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	managers := func(urls ...string) Config { return Config{Alertmanagers: Receivers{URLs: urls}} }
	authenticated := func(r Receivers) Config {
		r.URLs = append(r.URLs, "https://hook.example/"+password)
		return Config{Webhooks: r}
	}
	for _, tt := range []struct {
		cfg  Config
		says string
	}{
		{Config{}, ""},
		{managers("http://alertmanager:9093", "https://[::1]:9093/prefix/"), ""},
		{authenticated(Receivers{Token: password}), ""},
		{authenticated(Receivers{URLs: []string{"http://127.0.0.9/", "http://[::1]/", "http://LOCALHOST:1/"}, User: "ops", Token: password}), ""},
		{managers("localhost:9093"), "unusable URL of Alertmanager 1: it must begin with http:// or https://"},
		{managers("http://a", "http://:9093"), "unusable URL of Alertmanager 2: it names no host"},
		{managers("http://ops:" + password + "@a"), "unusable URL of Alertmanager 1: a user and password belong in a file, not in the URL"},
		{managers("http://a/" + password + "%zz"), "unusable URL of Alertmanager 1: it cannot be parsed"},
		{managers("http://a/api/v2/alerts/"), "unusable URL of Alertmanager 1: it must be the base URL, without /api/v2/alerts"},
		{managers("http://a/?x=y"), "unusable URL of Alertmanager 1: it must be a base URL, without a query"},
		{managers("http://a", "http://a"), "Alertmanager 2 (http://a) is named twice"},
		{managers(strings.Split(strings.Repeat("http://a ", 17), " ")...), "18 Alertmanagers are too many, at most 16 are told"},
		{authenticated(Receivers{URLs: []string{"http://10.0.0.1/" + password}, Token: password}), "webhook http://10.0.0.1 is another machine: a token must be sent to it by https"},
		{authenticated(Receivers{Token: password, TokenFile: lines}), "the webhook token is given twice: as a file and as itself"},
		{Config{Webhooks: Receivers{Token: password}}, "there is a webhook token, but no webhook to send it to"},
		{authenticated(Receivers{User: "ops"}), "there is a webhook user, but no token to be the password"},
		{authenticated(Receivers{User: "o:ps", Token: password}), "the webhook user must not contain a colon or control characters"},
		{authenticated(Receivers{TokenFile: empty}), "unusable webhook token: it is empty"},
		{authenticated(Receivers{TokenFile: lines}), "unusable webhook token: it has several lines or control characters"},
		{authenticated(Receivers{TokenFile: "/dev/zero"}), "unusable webhook token: /dev/zero is not a regular file"},
		{authenticated(Receivers{TokenFile: "/nowhere"}), "unusable webhook token: stat /nowhere: no such file or directory"},
		{authenticated(Receivers{Token: Secret(strings.Repeat("x", 16<<10+1))}), "unusable webhook token: it is longer than 16384 bytes"},
		{Config{Link: "waitgraph"}, "unusable external URL: it must begin with http:// or https://"},
	} {
		got := ""
		if err := tt.cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != tt.says {
			t.Errorf("got  %s\nwant %s", got, tt.says)
		}
	}
}

// TestARedirectIsNotFollowed has one that leads to a place where secrets are taken.
func TestARedirectIsNotFollowed(t *testing.T) {
	taken := make(chan string, 10)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { taken <- r.Header.Get("Authorization") }))
	defer thief.Close()
	server := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	trouble := make(chan error, 10)
	cfg := Config{
		Alertmanagers: Receivers{URLs: []string{server.URL}, Token: password},
		Trouble:       func(_ string, err error) { trouble <- err },
	}
	s, _ := start(t, cfg, newTransport())
	s.say("v1", detector.Confirmed)
	if err := (<-trouble).Error(); !strings.HasSuffix(err, "it answered 307 Temporary Redirect") {
		t.Errorf("trouble: %s", err)
	}
	select {
	case s := <-taken:
		t.Errorf("the redirect was followed, with %q", s)
	case <-time.After(0):
	}
}
