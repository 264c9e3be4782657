package grafana

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// All returns the dashboards by the names of their files.
func All() map[string]Dashboard {
	return map[string]Dashboard{"detector.json": detectorBoard(), "graph.json": graphBoard(), "outages.json": outagesBoard()}
}

// JSON returns the dashboard as its file has it.
func (d Dashboard) JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, fmt.Errorf("encode dashboard: %w", err)
	}
	return b.Bytes(), nil
}
