package endtoend_test

import "testing"

// Each shape runs often in virtual time, and once on RabbitMQ. Whatever the
// rests of a run lead to, the verdicts must say just that.
func TestShapes(t *testing.T) {
	t.Parallel()
	const always, never, either = "always", "never", "either"
	for _, shape := range []struct {
		name     string
		deadlock string
		scripts  []string
	}{
		{"self_call", always, []string{"0(0)"}},
		{"there_and_back", always, []string{"0(1(0))"}},
		{"ring_of_3", always, []string{"0(1(2(0)))"}},
		{"second_call_closes", always, []string{"0(| 1)", "1(| 0)"}},
		{"third_call_closes", always, []string{"0(| 1)", "1(| 2)", "2(| 0)"}},
		{"two_disjoint_cycles", always, []string{"0(1(0))", "2(3(2))"}},
		{"five_victims", always, []string{"0(1(0))", "= 0", "= 1", "= 2(0)", "= 3(1)", "= 4(3)"}},
		{"tail_into_a_cycle", always, []string{"2(3(4(0(1(0)))))"}},
		{"chain", never, []string{"0(1(2(3(4))))"}},
		{"there_twice", never, []string{"0(1 1)"}},
		{"through_busy_processes", never, []string{"0(1(2(=)))", "~ 1(2)", "~ 2(=)", "~ 0(2)"}},
		{"queue_at_a_busy_process", never, []string{"0(=)", "0(~)", "0", "1(0)", "2(1(0))"}},
		{"opposite_sessions", either, []string{"~ 0(~ 1)", "~ 1(~ 0)"}},
		{"envelope_of_3", either, []string{"~ 0(1(~ 2))", "~ 2(~ 1)"}},
		{"envelope_of_4", either, []string{"~ 0(1(~ 2(~ 3)))", "~ 3(~ 2)", "~ 1"}},
		{"crowd", either, []string{"~ 0(~ 1(~ 2))", "~ 2(~ 3)", "~ 3(~ 4(~ 0))", "~ 1(4)", "~ 4"}},
	} {
		t.Run(shape.name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, s *system) {
				c := newCast(s, 5)
				c.acquaint()
				runs, deadlocked := s.times(200), 0
				for range runs {
					if n := c.run(shape.scripts...); n > 0 {
						deadlocked++
					}
				}
				t.Logf("%d of %d runs deadlocked, in %d announcements", deadlocked, runs, len(s.heard))
				switch {
				case shape.deadlock == always && deadlocked < runs,
					shape.deadlock == never && deadlocked > 0,
					shape.deadlock == either && s.virtual && (deadlocked == 0 || deadlocked == runs):
					t.Errorf("%d of %d runs deadlocked, which should be %s", deadlocked, runs, shape.deadlock)
				}
			})
		})
	}
}
