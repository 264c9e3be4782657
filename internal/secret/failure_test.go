package secret

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
)

func TestFailure(t *testing.T) {
	operation := &net.OpError{Op: "dial", Err: errors.New("refused")}
	certificate := &tls.CertificateVerificationError{Err: errors.New("unknown authority")}
	for _, tt := range []struct{ err, want error }{
		{context.Canceled, context.Canceled},
		{context.DeadlineExceeded, context.DeadlineExceeded},
		{operation, operation},
		{certificate, certificate},
		{errors.New("malformed HTTP response \"token\""), nil},
		{nil, nil},
	} {
		asked := &url.Error{Op: "Post", URL: "http://host/token", Err: tt.err}
		if got := Failure(fmt.Errorf("tell: %w", asked)); got != tt.want { //nolint:errorlint // it must not be wrapped in what says more
			t.Errorf("%v: got %v", asked, got)
		}
	}
}
