package alertsink

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/waitgraph/waitgraph/internal/secret"
)

// maxReceivers is how many receivers of one form there can be.
const maxReceivers = 16

// Config says who is told of what. The zero value tells nobody.
type Config struct {
	// Alertmanagers are base URLs, without /api/v2/alerts. Each is told of
	// everything, as members of an Alertmanager cluster want it.
	Alertmanagers Receivers
	// Webhooks are the URLs to post to.
	Webhooks Receivers
	// Suspected has verdicts told before they are confirmed, too.
	Suspected bool
	// Link is where people find the HTTP API of this detector; empty: alerts
	// have no links.
	Link string

	Remind   time.Duration         // how often standing verdicts are announced
	Registry prometheus.Registerer // takes the metrics; nil: there are none
	// Trouble, if set, is told what went wrong, from many goroutines. It is
	// told of each failure; the message is the same for each of its kind.
	Trouble func(message string, err error)
}

// Receivers are those that are told in one form, and what authenticates the
// detector to all of them.
type Receivers struct {
	URLs []string // http or https, without a user in them
	// User, if set, has the token sent as this user's password (basic
	// authentication); else it is sent as a bearer token.
	User string
	// TokenFile and Token name the secret; at most one of them is set.
	TokenFile string
	Token     Secret
}

// Secret is shown nowhere: it prints as xxxxx.
type Secret string

// hidden is what a secret prints as.
const hidden = "xxxxx"

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// MarshalText implements encoding.TextMarshaler, for JSON and for logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Validate returns an error if the configuration cannot work. It reads the
// files of tokens.
func (c *Config) Validate() error {
	if err := c.Alertmanagers.validate("Alertmanager", baseURL); err != nil {
		return err
	}
	if err := c.Webhooks.validate("webhook", func(*url.URL) error { return nil }); err != nil {
		return err
	}
	if c.Link != "" {
		if _, err := parse(c.Link); err != nil {
			return fmt.Errorf("unusable external URL: %w", err)
		}
	}
	return nil
}

// baseURL returns an error unless the path of the API can be added to u.
func baseURL(u *url.URL) error {
	switch {
	case strings.HasSuffix(strings.TrimSuffix(u.Path, "/"), alertsPath):
		return fmt.Errorf("it must be the base URL, without %s", alertsPath)
	case u.RawQuery != "":
		return errors.New("it must be a base URL, without a query")
	}
	return nil
}

func (r *Receivers) validate(what string, more func(*url.URL) error) error {
	if len(r.URLs) > maxReceivers {
		return fmt.Errorf("%d %ss are too many, at most %d are told", len(r.URLs), what, maxReceivers)
	}
	authenticated := r.Token != "" || r.TokenFile != ""
	seen := make(map[string]bool)
	for i, s := range r.URLs {
		u, err := parse(s)
		if err == nil {
			err = more(u)
		}
		switch {
		case err != nil:
			return fmt.Errorf("unusable URL of %s %d: %w", what, i+1, err)
		case seen[u.String()]:
			return fmt.Errorf("%s %d (%s) is named twice", what, i+1, shown(u))
		case authenticated && u.Scheme == "http" && !secret.Loopback(u.Hostname()):
			return fmt.Errorf("%s %s is another machine: a token must be sent to it by https", what, shown(u))
		}
		seen[u.String()] = true
	}
	return r.validateToken(what)
}

func (r *Receivers) validateToken(what string) error {
	authenticated := r.Token != "" || r.TokenFile != ""
	switch {
	case r.Token != "" && r.TokenFile != "":
		return fmt.Errorf("the %s token is given twice: as a file and as itself", what)
	case authenticated && len(r.URLs) == 0:
		return fmt.Errorf("there is a %s token, but no %s to send it to", what, what)
	case r.User != "" && !authenticated:
		return fmt.Errorf("there is a %s user, but no token to be the password", what)
	case strings.ContainsFunc(r.User, func(c rune) bool { return c == ':' || c < ' ' || c == 0x7f }):
		return fmt.Errorf("the %s user must not contain a colon or control characters", what)
	}
	if _, err := r.secret(); err != nil {
		return fmt.Errorf("unusable %s token: %w", what, err)
	}
	return nil
}

// parse parses a URL that can be posted to. Its errors do not show the URL,
// which may be a secret.
func parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("it cannot be parsed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("it must begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("it names no host")
	case u.User != nil:
		return nil, errors.New("a user and password belong in a file, not in the URL")
	case u.Fragment != "":
		return nil, errors.New("it must not have a fragment")
	}
	return u, nil
}

// shown returns how logs and errors name a URL.
func shown(u *url.URL) string { return u.Scheme + "://" + u.Host }
