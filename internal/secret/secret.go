// Package secret reads tokens from files: from those of a secret store, with a
// newline at the end or without, and from nothing that could block. It knows
// where they may be sent in the clear, and which errors cannot show them.
package secret

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// maxSize is the size of a token, in bytes.
const maxSize = 16 << 10

// Read returns the token that a regular file holds.
func Read(name string) (string, error) {
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
	data, err := io.ReadAll(io.LimitReader(f, maxSize+2))
	if err != nil {
		return "", err
	}
	return Trim(string(data))
}

// Trim returns a token without the space around it, or an error that does not
// show it if it cannot be sent in a header.
func Trim(s string) (string, error) {
	switch s = strings.TrimSpace(s); {
	case s == "":
		return "", errors.New("it is empty")
	case len(s) > maxSize:
		return "", fmt.Errorf("it is longer than %d bytes", maxSize)
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return "", errors.New("it has several lines or control characters")
	}
	return s, nil
}

// Loopback reports whether a host, by its name or address, is this machine, which
// a token reaches without having been on any network.
func Loopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}
