package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/waitgraph/waitgraph/services/cluster"
)

// Get returns the operation of a node that gets a URL, and succeeds if the answer
// is one of the 200s.
func Get(client *http.Client) cluster.Op {
	return func(ctx context.Context, body []byte) ([]byte, error) {
		target, err := CheckURL(string(body))
		if err != nil {
			return nil, err
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", cluster.ErrInvalid, err)
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close() //nolint:errcheck // all of it that matters has been read
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		if response.StatusCode/100 != 2 {
			return nil, fmt.Errorf("answer: %s", response.Status)
		}
		return nil, nil
	}
}

// CheckURL returns the URL if load can be put on it.
func CheckURL(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: URL: %w", cluster.ErrInvalid, err)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", fmt.Errorf("%w: URL %q: want http://host/path", cluster.ErrInvalid, u.Redacted())
	}
	return s, nil
}
