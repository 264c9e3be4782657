package amqpsession

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

// ErrURL is wrapped by every error about a broker URL that cannot be used.
var ErrURL = errors.New("unusable broker URL")

// Check returns an error that wraps ErrURL if rawURL is none that Keep can use.
// The error does not quote the URL, which may hold a password.
func Check(rawURL string) error {
	_, err := amqp.ParseURI(rawURL)
	syntax, number := new(url.Error), new(strconv.NumError)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax), errors.As(err, &number):
		return fmt.Errorf("%w: not of the form amqp://user:password@host:port/vhost (percent-encode what is special in user and password)", ErrURL)
	}
	return fmt.Errorf("%w: %w", ErrURL, err)
}

// Redact returns rawURL without its password, for logs and errors.
func Redact(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "(unusable URL)"
	}
	return u.Redacted()
}
