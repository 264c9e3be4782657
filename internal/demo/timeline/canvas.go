package timeline

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// canvas writes SVG elements. Errors of the writer stick and come out of close.
type canvas struct {
	w *bufio.Writer
}

func newCanvas(w io.Writer) *canvas { return &canvas{w: bufio.NewWriter(w)} }

func (c *canvas) open(width, height float64, label string) {
	c.print(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 `, px(width), ` `, px(height),
		`" width="`, px(width), `" height="`, px(height), `" role="img" aria-label="`, escape(label), `">`, "\n",
		"<style>", style, "</style>\n")
}

func (c *canvas) close() error {
	c.print("</svg>\n")
	if err := c.w.Flush(); err != nil {
		return fmt.Errorf("write SVG: %w", err)
	}
	return nil
}

// rect draws a rectangle with an optional tooltip.
func (c *canvas) rect(class string, x, y, width, height float64, tip string) {
	c.print(`<rect class="`, class, `" x="`, px(x), `" y="`, px(y), `" width="`, px(width), `" height="`, px(height), `">`)
	if tip != "" {
		c.print("<title>", escape(tip), "</title>")
	}
	c.print("</rect>\n")
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	c.print(`<line class="`, class, `" x1="`, px(x1), `" y1="`, px(y1), `" x2="`, px(x2), `" y2="`, px(y2), `"/>`, "\n")
}

func (c *canvas) text(class string, x, y float64, s string) {
	if s != "" {
		c.print(`<text class="`, class, `" x="`, px(x), `" y="`, px(y), `">`, escape(s), "</text>\n")
	}
}

// cross marks a crash at a point, in a halo that sets it off from a bar.
func (c *canvas) cross(x, y float64, tip string) {
	const arm = 4.5
	left, right, top, bottom := px(x-arm), px(x+arm), px(y-arm), px(y+arm)
	for _, class := range []string{"halo", "crash"} {
		c.print(`<path class="`, class, `" d="M`, left, " ", top, "L", right, " ", bottom, "M", left, " ", bottom, "L", right, " ", top,
			`"><title>`, escape(tip), "</title></path>\n")
	}
}

func (c *canvas) print(parts ...string) {
	for _, p := range parts {
		c.w.WriteString(p)
	}
}

func px(v float64) string { return strconv.FormatFloat(v, 'f', -1, 32) }

// escape makes s fit for content and attributes alike.
func escape(s string) string {
	var b escaped
	_ = xml.EscapeText(&b, []byte(s)) // an escaped buffer takes everything
	return string(b)
}

type escaped []byte

func (e *escaped) Write(p []byte) (int, error) {
	*e = append(*e, p...)
	return len(p), nil
}
