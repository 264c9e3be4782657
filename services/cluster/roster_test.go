package cluster

import (
	"errors"
	"strings"
	"testing"
)

// What comes late says nothing: an announcement that another has overtaken, and
// one of a stay that has ended.
func TestRosterHearsNothingOld(t *testing.T) {
	r := newRoster()
	for i, step := range []struct {
		a    announcement
		end  bool // of the node, before
		want bool
	}{
		{a: announcement{Node: "n", Stay: 7, Seq: 2}, want: true},
		{a: announcement{Node: "n", Stay: 7, Seq: 2}},
		{a: announcement{Node: "n", Stay: 7, Seq: 1}},
		{a: announcement{Node: "n", Stay: 7, Seq: 3}, want: true},
		{a: announcement{Node: "n", Stay: 5, Seq: 4}}, // the end of the stay has not been seen
		{a: announcement{Node: "n", Stay: 7, Seq: 4}, end: true},
		{a: announcement{Node: "n", Stay: 5, Seq: 1}, want: true}, // numbers of stays are in no order
		{a: announcement{Node: "m", Seq: 1}},
	} {
		if step.end {
			r.end(step.a.Node)
		}
		if got := r.hear(step.a); got != step.want {
			t.Errorf("step %d: %+v taken in: %t", i, step.a, got)
		}
	}
}

// Announcements are hostile text.
func TestAnnouncementsAreChecked(t *testing.T) {
	for _, body := range []string{
		"", "{", `{"node":""}`, `{"node":"a/b"}`, `{"node":"n","processes":{"\u0007":1}}`, `{"node":"n","groups":{"":[]}}`,
		`{"node":"n","names":{"` + strings.Repeat("x", 101) + `":{}}}`, `{"node":"n","services":["` + "\\n" + `"]}`, `{"node":7}`,
	} {
		if _, err := decode([]byte(body)); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
