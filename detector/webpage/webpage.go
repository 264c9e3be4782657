// Package webpage is what people see of a detector in a browser: the wait-for
// graph as it is now, the deadlocks that stand and stood, and one of them in
// full. It asks the HTTP API for all that it shows, and follows its events.
//
// The page is written in TypeScript, in the folder source. What it is built to
// lies in the folder page and is part of the program, so that building the
// program takes Go alone, and a browser needs no other host. `make page` builds
// it anew, and a test holds what is there against what is built.
package webpage

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"sync"
	"time"
)

//go:embed page
var files embed.FS

// Paths are those for which Handler has an answer, as patterns of an
// http.ServeMux.
var Paths = []string{"/{$}", "/deadlocks", "/deadlocks/{id}", "/assets/main.js", "/assets/worker.js", "/assets/page.css", "/assets/icon.svg"}

// policy allows what is from here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// Handler serves the page. Any path but those of its assets is answered with the
// page itself, which shows what the path names.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	name := "index.html"
	if path.Dir(r.URL.Path) == "/assets" {
		name = path.Base(r.URL.Path)
	}
	content, err := files.ReadFile("page/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache") // ask whether it is still so
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Etag", etags()[name])
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// etags are those of the files, by their names: what they hold, hashed.
var etags = sync.OnceValue(func() map[string]string {
	all := make(map[string]string)
	entries, _ := files.ReadDir("page") // what is embedded can be read
	for _, e := range entries {
		content, _ := files.ReadFile("page/" + e.Name())
		sum := sha256.Sum256(content)
		all[e.Name()] = `"` + hex.EncodeToString(sum[:8]) + `"`
	}
	return all
})
