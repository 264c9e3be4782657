package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReady(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/livez":
			_, _ = io.WriteString(w, "alive\x1b[2J\n")
		case "/readyz":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"detail":"recovering\u001b[2J"}`)
		}
	}))
	defer s.Close()
	if out, err := command(t, nil, "ready", "--live", "--server="+s.URL).CombinedOutput(); err != nil || string(out) != `alive\x1b[2J`+"\n" {
		t.Errorf("it ended with %v and said %q", err, out)
	}
	out, err := command(t, nil, "ready", "--server="+s.URL).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `recovering\x1b[2J`) || strings.Contains(string(out), "\x1b") {
		t.Errorf("it ended with %v and said %q", err, out)
	}
}
