package alertsink

import (
	"fmt"
	"net/http"

	"github.com/waitgraph/waitgraph/internal/secret"
)

// authorize adds to a request what authenticates the detector.
func (r *Receivers) authorize(q *http.Request) error {
	s, err := r.secret()
	switch {
	case err != nil:
		return fmt.Errorf("read token: %w", err)
	case s == "":
	case r.User != "":
		q.SetBasicAuth(r.User, s)
	default:
		q.Header.Set("Authorization", "Bearer "+s)
	}
	return nil
}

// secret returns the token as it is now, empty if there is none.
func (r *Receivers) secret() (string, error) {
	switch {
	case r.TokenFile != "":
		return secret.Read(r.TokenFile)
	case r.Token != "":
		return secret.Trim(string(r.Token))
	}
	return "", nil
}
