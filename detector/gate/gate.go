// Package gate stands before the HTTP API of a detector that can be reached
// from other machines: it encrypts, and lets in those who know the token.
//
//	Authorization: Bearer TOKEN   programs: Prometheus, curl, waitgraph itself
//	POST /login                   browsers: the token for a cookie, see below
//	GET  /livez, /readyz          anybody, for what starts and stops containers;
//	                              strangers get the status and are not told why
//
// A browser that asks for a page is sent to /login, a form. The cookie is no
// token: it is derived from the token, holds for this browser's session, is out
// of reach of scripts (HttpOnly), sent to this site alone (SameSite=Strict) and,
// behind TLS, never in the clear (Secure). Another token makes it worthless.
//
// Certificate and token are read again while the detector runs, so both can be
// renewed under it; what cannot be read leaves the old one in force.
package gate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/waitgraph/waitgraph/internal/secret"
)

// Config says who may come in, and how.
type Config struct {
	CertFile, KeyFile string // PEM; empty: no TLS
	TokenFile         string // empty: no token is asked for
	// Insecure says that something in front of the listener, as a proxy or a
	// network policy, takes care of what is missing of these beyond this machine.
	Insecure bool
	// Trouble, if set, is told what keeps certificate or token from being read
	// again. It must not block.
	Trouble func(message string, err error)
}

// ErrOpen says that a listener would let in strangers.
var ErrOpen = errors.New("other machines could reach it")

// minToken is the length of a token in bytes, below which it could be guessed.
const minToken = 16

// Check returns an error if the configuration cannot work or, as ErrOpen, must
// not be used for a listener at this address.
func (c *Config) Check(address string) error {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return errors.New("a certificate and its key belong together")
	}
	if c.Insecure || loopback(address) {
		return nil
	}
	switch tls, token := c.CertFile != "", c.TokenFile != ""; {
	case !tls && !token:
		return fmt.Errorf("listen at %s without TLS and token: %w", address, ErrOpen)
	case !tls:
		return fmt.Errorf("listen at %s without TLS: %w", address, ErrOpen)
	case !token:
		return fmt.Errorf("listen at %s without a token: %w", address, ErrOpen)
	}
	return nil
}

// loopback reports whether only this machine reaches an address.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && secret.Loopback(host)
}

// Gate is safe for concurrent use.
type Gate struct {
	certificate *kept[*tls.Certificate] // nil: no TLS
	token       *kept[string]           // nil: everybody may come in
}

// New returns a gate once its certificate and its token have been read.
func New(c Config) (*Gate, error) {
	trouble := c.Trouble
	if trouble == nil {
		trouble = func(string, error) {}
	}
	g := new(Gate)
	var err error
	if c.CertFile != "" {
		g.certificate, err = keep(func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
			return &pair, err
		}, func(err error) { trouble("the certificate cannot be renewed", err) })
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
	}
	if c.TokenFile != "" {
		g.token, err = keep(func() (string, error) { return readToken(c.TokenFile) },
			func(err error) { trouble("the token cannot be renewed", err) })
		if err != nil {
			return nil, fmt.Errorf("read token: %w", err)
		}
	}
	return g, nil
}

func readToken(name string) (string, error) {
	token, err := secret.Read(name)
	if err == nil && len(token) < minToken {
		err = fmt.Errorf("it is shorter than %d bytes", minToken)
	}
	return token, err
}

// Scheme returns the scheme of URLs that lead through the gate.
func (g *Gate) Scheme() string {
	if g.certificate != nil {
		return "https"
	}
	return "http"
}

// Listener returns l, encrypted if there is a certificate.
func (g *Gate) Listener(l net.Listener) net.Listener {
	if g.certificate == nil {
		return l
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return g.certificate.get(), nil },
	})
}

// Handler returns h, for those alone who know the token if there is one.
func (g *Gate) Handler(h http.Handler) http.Handler {
	if g.token == nil {
		return h
	}
	return &door{token: g.token, inside: h}
}
