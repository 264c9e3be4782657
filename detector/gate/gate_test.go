package gate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a token that nobody guesses"

func TestListenersBeyondThisMachineAreGuarded(t *testing.T) {
	full := Config{CertFile: "c", KeyFile: "k", TokenFile: "t"}
	for _, tt := range []struct {
		address string
		cfg     Config
		open    bool
	}{
		{"127.0.0.1:8055", Config{}, false},
		{"[::1]:8055", Config{}, false},
		{"localhost:8055", Config{}, false},
		{":8055", Config{}, true},
		{"0.0.0.0:8055", Config{}, true},
		{"[::]:8055", Config{TokenFile: "t"}, true},
		{"10.0.0.1:8055", Config{CertFile: "c", KeyFile: "k"}, true},
		{"localhost.example.com:8055", Config{}, true},
		{":8055", full, false},
		{":8055", Config{Insecure: true}, false},
	} {
		if err := tt.cfg.Check(tt.address); errors.Is(err, ErrOpen) != tt.open || !tt.open && err != nil {
			t.Errorf("%s with %+v: %v", tt.address, tt.cfg, err)
		}
	}
	if err := (&Config{CertFile: "c"}).Check("127.0.0.1:1"); err == nil {
		t.Error("took a certificate without a key")
	}
}

// house is a gate with a handler behind it that tells who comes in.
func house(t *testing.T) http.Handler {
	t.Helper()
	g, err := New(Config{TokenFile: write(t, token+"\n")})
	if err != nil {
		t.Fatal(err)
	}
	return g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("inside"))
	}))
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func ask(t *testing.T, h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhoComesIn(t *testing.T) {
	h := house(t)
	for _, tt := range []struct {
		path   string
		header []string
		status int
		body   string
	}{
		{"/", nil, 401, `"status":401`},
		{"/metrics", []string{"Authorization", "Bearer " + token}, 418, "inside"},
		{"/metrics", []string{"Authorization", "Bearer " + token + "x"}, 401, "this needs the token"},
		{"/metrics", []string{"Authorization", "Basic " + token}, 401, "this needs the token"},
		{"/metrics", []string{"Authorization", "Bearer "}, 401, "this needs the token"},
		{"/", []string{"Cookie", cookieName + "=" + token}, 401, "this needs the token"},
		{"/", []string{"Cookie", cookieName + "=" + session(token)}, 418, "inside"},
		{"/livez", nil, 418, ""},
		{"/readyz", nil, 418, ""},
		{"/readyz", []string{"Authorization", "Bearer " + token}, 418, "inside"},
	} {
		w := ask(t, h, http.MethodGet, tt.path, tt.header...)
		if body := w.Body.String(); w.Code != tt.status || !strings.Contains(body, tt.body) || tt.body == "" && body != "" {
			t.Errorf("%s %q: %d %s", tt.path, tt.header, w.Code, body)
		}
	}
}

func TestBrowsersLogIn(t *testing.T) {
	h := house(t)
	w := ask(t, h, http.MethodGet, "/deadlocks?id=1", "Accept", "text/html,*/*")
	login := w.Header().Get("Location")
	if w.Code != http.StatusSeeOther || login != "/login?next=%2Fdeadlocks%3Fid%3D1" {
		t.Fatalf("%d to %q", w.Code, login)
	}
	if w := ask(t, h, http.MethodGet, login); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `action="/login?next=%2fdeadlocks%3fid%3d1"`) && !strings.Contains(w.Body.String(), `action="/login?next=%2Fdeadlocks%3Fid%3D1"`) {
		t.Errorf("%d\n%s", w.Code, w.Body)
	}
	if w := send(t, h, login, "wrong"); w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), "That is not the token.") || w.Header().Get("Set-Cookie") != "" {
		t.Errorf("with a wrong token: %d\n%s", w.Code, w.Body)
	}
	w = send(t, h, login, token)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/deadlocks?id=1" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	cookie := w.Header().Get("Set-Cookie")
	if !strings.Contains(cookie, "; HttpOnly") || !strings.Contains(cookie, "; SameSite=Strict") || strings.Contains(cookie, token) {
		t.Errorf("the cookie is %q", cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	if w := ask(t, h, http.MethodGet, "/", "Cookie", value); w.Code != http.StatusTeapot {
		t.Errorf("with the cookie: %d", w.Code)
	}
	if w := ask(t, h, http.MethodPut, "/login"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", w.Code)
	}
}

func send(t *testing.T, h http.Handler, target, token string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(url.Values{"token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestTheLoginLeadsNowhereElse(t *testing.T) {
	for next, want := range map[string]string{
		"/graph?x=1": "/graph?x=1", "": "/", "graph": "/", "//evil.example": "/", "https://evil.example/": "/",
		`/\evil.example`: "/", "/..//evil.example": "/evil.example", "javascript:alert(1)": "/", "/login": "/", "/%0d%0aX:1": "/%0D%0AX:1", "/\tx": "/",
	} {
		if got := inside(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func TestTokensAreRenewedUnderWay(t *testing.T) {
	name := write(t, token)
	synctest.Test(t, func(t *testing.T) {
		var trouble []string
		g, err := New(Config{TokenFile: name, Trouble: func(message string, _ error) { trouble = append(trouble, message) }})
		if err != nil {
			t.Fatal(err)
		}
		h := g.Handler(http.NotFoundHandler())
		inside := func(token string) bool {
			return ask(t, h, http.MethodGet, "/", "Authorization", "Bearer "+token).Code == http.StatusNotFound
		}
		next := "another token, as good"
		if err := os.WriteFile(name, []byte(next), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(renewal + 1)
		if inside(token) || !inside(next) {
			t.Error("the old token is still in force")
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		time.Sleep(renewal + 1)
		if !inside(next) || len(trouble) != 1 {
			t.Errorf("the token is lost with its file; told %q", trouble)
		}
	})
}

func TestWeakTokensAreRefused(t *testing.T) {
	if _, err := New(Config{TokenFile: write(t, "secret")}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("it said %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	g, err := New(Config{CertFile: cert, KeyFile: key, TokenFile: write(t, token)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: g.Handler(http.NotFoundHandler()), ReadHeaderTimeout: time.Second}
	ended := make(chan error)
	go func() { ended <- s.Serve(g.Listener(l)) }()
	defer func() { _ = s.Close(); <-ended }()

	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).PostForm(g.Scheme()+"://"+l.Addr().String()+"/login?next=/x", url.Values{"token": {token}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if r.ProtoMajor != 2 || r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusNotFound {
		t.Errorf("%s over %s", r.Status, r.Proto)
	}
	if cookie := r.Request.Response.Header.Get("Set-Cookie"); !strings.Contains(cookie, "; Secure") {
		t.Errorf("the cookie is %q", cookie)
	}
}

// certificate writes one for 127.0.0.1 that certifies itself.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "waitgraph"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}
