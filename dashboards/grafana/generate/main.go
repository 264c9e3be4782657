// Generate writes the dashboards into the folder that is its argument.
//
//	go run ./dashboards/grafana/generate dashboards/grafana
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/waitgraph/waitgraph/dashboards/grafana"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "generate: which folder?")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	for name, d := range grafana.All() {
		text, err := d.JSON()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil { //nolint:gosec // for all to read
			return fmt.Errorf("write dashboard: %w", err)
		}
	}
	return nil
}
