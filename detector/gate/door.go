package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
)

const (
	cookieName = "waitgraph_session"
	loginPath  = "/login"
	maxForm    = 32 << 10
)

// door lets in those who know the token.
type door struct {
	token  *kept[string]
	inside http.Handler
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	token := d.token.get()
	switch {
	case r.URL.Path == loginPath:
		login(w, r, token)
	case knows(r, token):
		d.inside.ServeHTTP(w, r)
	case r.URL.Path == "/livez", r.URL.Path == "/readyz":
		d.inside.ServeHTTP(&curt{ResponseWriter: w}, r)
	case r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html"):
		http.Redirect(w, r, loginPath+"?"+url.Values{"next": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
	default:
		refuse(w)
	}
}

// knows reports whether a request comes from one who knows the token.
func knows(r *http.Request, token string) bool {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(given, token)
	}
	c, err := r.Cookie(cookieName)
	return err == nil && same(c.Value, session(token))
}

// same compares in a time that does not tell how much of it is right.
func same(given, want string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(want))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// session returns the value of the cookie of those who know the token.
func session(token string) string {
	m := hmac.New(sha256.New, []byte(token))
	_, _ = m.Write([]byte("waitgraph session")) // a hash takes everything
	return hex.EncodeToString(m.Sum(nil))
}

//go:embed login.html
var form string

var loginForm = template.Must(template.New("login").Parse(form))

// login shows the form, and gives the cookie for the token.
func login(w http.ResponseWriter, r *http.Request, token string) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	next := inside(r.URL.Query().Get("next"))
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		show(w, http.StatusOK, next, false)
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if !same(strings.TrimSpace(r.PostFormValue("token")), token) {
			show(w, http.StatusUnauthorized, next, true)
			return
		}
		http.SetCookie(w, &http.Cookie{
			Name: cookieName, Value: session(token), Path: "/",
			HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
		})
		http.Redirect(w, r, next, http.StatusSeeOther)
	default:
		h.Set("Allow", "GET, HEAD, POST")
		problem(w, http.StatusMethodNotAllowed, "send the token by POST")
	}
}

func show(w http.ResponseWriter, status int, next string, wrong bool) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = loginForm.Execute(w, struct { // the client may have gone
		Action string
		Wrong  bool
	}{loginPath + "?" + url.Values{"next": {next}}.Encode(), wrong})
}

// inside returns where to go after the login: nowhere but to this site.
func inside(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || u.Opaque != "" || strings.ContainsAny(next, "\\\r\n\t") || !strings.HasPrefix(u.Path, "/") || path.Clean(u.Path) == loginPath {
		return "/"
	}
	return (&url.URL{Path: path.Clean(u.Path), RawQuery: u.RawQuery}).String()
}

func refuse(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="waitgraph"`)
	problem(w, http.StatusUnauthorized, "this needs the token, as Authorization: Bearer TOKEN or by "+loginPath)
}

// problem answers with problem details (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client may have gone
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, detail})
}

// curt passes on an answer's status, and of its text nothing.
type curt struct{ http.ResponseWriter }

// Write implements io.Writer.
func (c *curt) Write(p []byte) (int, error) { return len(p), nil }
