package alertsink

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// maxSecret is the size of a token, in bytes.
const maxSecret = 16 << 10

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
	s := string(r.Token)
	if r.TokenFile != "" {
		var err error
		if s, err = readSecret(r.TokenFile); err != nil {
			return "", err
		}
	}
	switch s = strings.TrimSpace(s); {
	case s == "" && (r.TokenFile != "" || r.Token != ""):
		return "", errors.New("it is empty")
	case len(s) > maxSecret:
		return "", fmt.Errorf("it is longer than %d bytes", maxSecret)
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "", errors.New("it has several lines or control characters")
	}
	return s, nil
}

// readSecret reads a regular file: nothing else is sure not to block.
func readSecret(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", name)
	}
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+2))
	return string(data), err
}
