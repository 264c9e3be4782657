package secret

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
)

// Failure returns why an HTTP request failed, without its URL and without what
// the receiver said: the one may be a secret, and the other repeat one. It is
// context.Canceled, context.DeadlineExceeded, a *net.OpError, a
// *tls.CertificateVerificationError, or nil if no more may be told.
func Failure(err error) error {
	operation, certificate := new(net.OpError), new(tls.CertificateVerificationError)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &operation):
		return operation
	case errors.As(err, &certificate):
		return certificate
	}
	return nil
}
