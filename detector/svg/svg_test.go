package svg

import (
	"bytes"
	"encoding/xml"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waitgraph/waitgraph/detector/explain"
)

var update = flag.Bool("rewrite", false, "rewrite the pictures in testdata")

var at = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func node(name, service, verdict string, deadlocked bool, waits ...explain.Wait) explain.Node {
	return explain.Node{
		Process: explain.Process{Name: name, Agent: "agent/1", Activation: 1, Service: service, Need: len(waits), Waits: waits},
		Verdict: verdict, Deadlocked: deadlocked,
	}
}

func wait(kind, resource string, holders ...string) explain.Wait {
	w := explain.Wait{Resource: resource, Kind: kind, Since: at.Add(-time.Second), Holders: []explain.Holder{}, HolderCount: len(holders)}
	for _, h := range holders {
		w.Holders = append(w.Holders, explain.Holder{Name: h, Agent: "agent/1", Activation: 1})
	}
	return w
}

// shop has a core of two, two that are stuck behind it, and others that wait.
func shop() *explain.Graph {
	g := &explain.Graph{At: at, Processes: []explain.Node{
		node("browse:1", "web", "", false, wait("reply", "catalog.1", "catalog:1", "catalog:2")),
		node("catalog:1", "catalog", "", false),
		node("catalog:2", "catalog", "", false, wait("queue", "q", "nobody")),
		node("order:7", "web", "", true, wait("reply", "server_a.42", "server_a:42")),
		node("order:8", "web", "", true, wait("lock", "cart", "order:7"), wait("permit", "pool", "order:7", "server_a:42")),
		node("server_a:42", "service_a", "v1", true, wait("reply", "server_b.42", "server_b:42")),
		node("server_b:42", "service_b", "v1", true, wait("reply", "server_a.42", "server_a:42")),
		node("lonely:1", "service_b", "", false, wait("lock", "l", []string{}...)),
	}}
	g.Processes[4].Need = 1
	return g
}

// element is what a browser sees of SVG.
type element struct {
	Name     xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []element  `xml:",any"`
}

// UnmarshalXML implements xml.Unmarshaler.
func (e *element) UnmarshalXML(d *xml.Decoder, start xml.StartElement) error {
	type plain element
	if err := d.DecodeElement((*plain)(e), &start); err != nil {
		return err
	}
	e.Name, e.Attrs = start.Name, start.Attr
	return nil
}

func (e *element) class() string {
	for _, a := range e.Attrs {
		if a.Name.Local == "class" {
			return a.Value
		}
	}
	return ""
}

// all returns the elements within e that have a class, and those of it.
func (e *element) all(class string) (found []*element) {
	for i := range e.Children {
		c := &e.Children[i]
		if strings.Contains(" "+c.class()+" ", " "+class+" ") {
			found = append(found, c)
		}
		found = append(found, c.all(class)...)
	}
	return found
}

func draw(t *testing.T, g *explain.Graph) (text []byte, root *element) {
	t.Helper()
	text, err := Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	root = new(element)
	if err := d.Decode(root); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if rest := text[d.InputOffset():]; string(rest) != "\n" {
		t.Fatalf("%q follows", rest)
	}
	return text, root
}

func TestPicture(t *testing.T) {
	for name, g := range map[string]*explain.Graph{"shop": shop(), "empty": {At: at}} {
		t.Run(name, func(t *testing.T) {
			got, _ := draw(t, g)
			file := filepath.Join("testdata", name+".svg")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.ReplaceAll(string(want), "\r", ""), string(got)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

func TestEverythingIsDrawnOnce(t *testing.T) {
	_, root := draw(t, shop())
	drawn := make(map[string]string)
	for _, p := range root.all("process") {
		name := p.all("name")[0].Text
		if _, twice := drawn[name]; twice {
			t.Errorf("%s is drawn twice", name)
		}
		drawn[name] = p.class()
	}
	want := map[string]string{
		"browse:1": "process", "catalog:1": "process", "catalog:2": "process", "lonely:1": "process", "nobody": "process hint",
		"order:7": "process behind", "order:8": "process behind", "server_a:42": "process core", "server_b:42": "process core",
	}
	if d := cmp.Diff(want, drawn); d != "" {
		t.Errorf("processes, -want +got:\n%s", d)
	}
	ends := make(map[string]string) // of each wait, class and number of arrows
	for _, w := range root.all("wait") {
		tips := 0
		for _, c := range w.Children {
			for _, a := range c.Attrs {
				if a.Name.Local == "marker-end" {
					tips++
				}
			}
		}
		ends[w.Children[0].Text] = fmt.Sprint(w.class(), " ", tips)
	}
	const since = " waits since 2026-11-21T08:59:59Z for "
	want = map[string]string{
		"browse:1" + since + "reply of catalog.1, held by catalog:1 or catalog:2": "wait 2",
		"catalog:2" + since + "queue of q, held by nobody":                        "wait 1",
		"lonely:1" + since + "lock of l; nobody is known to hold it":              "wait 0",
		"order:7" + since + "reply of server_a.42, held by server_a:42":           "wait behind 1",
		"order:8" + since + "lock of cart, held by order:7":                       "wait behind 1",
		"order:8" + since + "permit of pool, held by order:7 or server_a:42":      "wait behind 2",
		"server_a:42" + since + "reply of server_b.42, held by server_b:42":       "wait core 1",
		"server_b:42" + since + "reply of server_a.42, held by server_a:42":       "wait core 1",
	}
	if d := cmp.Diff(want, ends); d != "" {
		t.Errorf("waits, -want +got:\n%s", d)
	}
	if n := len(root.all("service")); n != 5 {
		t.Errorf("%d services", n)
	}
}

func TestHostileNames(t *testing.T) {
	for _, name := range []string{
		`</text><script>alert(1)</script>`, `" onload="x`, `&#0;`, `]]>`, "a\nb\x00\x1b", "\xff", "", "\u202e", "\ufffe", strings.Repeat("宽", 1000),
	} {
		n := node(name, name, name, true, wait(name, name, name, name+"2"))
		text, root := draw(t, &explain.Graph{At: at, Processes: []explain.Node{n}})
		if p := root.all("process"); len(p) != 2 || !strings.HasPrefix(p[0].Children[0].Text, explain.Printable(name)+"\n") {
			t.Errorf("%q: %d processes in\n%s", name, len(p), text)
		}
		if bytes.Contains(text, []byte("<script")) || bytes.ContainsAny(text, "\x00\x1b\u202e\ufffd") {
			t.Errorf("%q came through in\n%s", name, text)
		}
		for _, e := range root.all("name") {
			if n := len([]rune(e.Text)); n > mostLetters {
				t.Errorf("%q: %d letters of a name are shown", name, n)
			}
		}
	}
}

func TestTooLarge(t *testing.T) {
	var g explain.Graph
	holders := make([]string, 100)
	for i := range MaxProcesses {
		g.Processes = append(g.Processes, node(fmt.Sprint(i), "s", "", false))
	}
	if _, err := Marshal(&g); err != nil {
		t.Error(err)
	}
	many := g
	many.Processes = append(many.Processes, node("one more", "s", "", false))
	if _, err := Marshal(&many); err == nil || err.Error() != "501 processes are too many to draw as SVG; use format=dot or format=json" {
		t.Error(err)
	}
	for i := range 51 {
		g.Processes[i].Waits = []explain.Wait{wait("lock", "r", holders...)}
	}
	if _, err := Marshal(&g); err == nil || err.Error() != "5100 arrows are too many to draw as SVG; use format=dot or format=json" {
		t.Error(err)
	}
}

// TestNothingOverlaps checks that boxes are apart, and within their service and
// the picture.
func TestNothingOverlaps(t *testing.T) {
	g := shop()
	for i := range 30 {
		g.Processes = append(g.Processes, node(fmt.Sprintf("p%d", i), fmt.Sprintf("s%d", i%4), "", false, wait("lock", "x", fmt.Sprintf("p%d", i*7%30), fmt.Sprintf("p%d", i/2))))
	}
	p := newPicture(g)
	p.arrange()
	for i, a := range p.boxes {
		if a.x < margin || a.y < margin+headHeight+tabHeight || a.x+a.w > p.width-margin || a.y+a.h > p.height-margin {
			t.Errorf("%s is outside", a.node.Name)
		}
		for _, b := range p.boxes[:i] {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("%s is on %s", a.node.Name, b.node.Name)
			}
		}
	}
}
