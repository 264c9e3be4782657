package secret

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct{ name, holds, want, err string }{
		{"newline", "token\n", "token", ""},
		{"inner space", " a b\t", "a b", ""},
		{"empty", "\n", "", "it is empty"},
		{"lines", "a\nb", "", "several lines"},
		{"long", strings.Repeat("x", maxSize+1), "", "longer than"},
	} {
		name := filepath.Join(dir, tt.name)
		if err := os.WriteFile(name, []byte(tt.holds), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(name)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
	for _, name := range []string{dir, "/dev/zero", filepath.Join(dir, "none")} {
		if got, err := Read(name); err == nil {
			t.Errorf("read %q from %s", got, name)
		}
	}
}
