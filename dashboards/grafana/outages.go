package grafana

// average is the mean of a histogram's values within the range of time.
func average(name, labels string) string {
	return `sum(increase(` + name + `_sum{` + labels + `}[range])) / (sum(increase(` + name + `_count{` + labels + `}[range])) > 0)`
}

// outagesBoard sets what was known beforehand against what crashed.
func outagesBoard() Dashboard {
	confirmedAfter := average("waitgraph_detection_latency_seconds", `status="confirmed"`)
	return build("waitgraph-outages", "waitgraph: detection against timeout crash",
		"What was caught, how early, what crashed, and what each outage cost.",
		stat("Deadlocks", "Deadlocks that were confirmed in this range of time.", "none",
			`sum(round(increase(waitgraph_verdicts_total{status="confirmed"}[range])))`, levels(green, 1.0, red), decimals(0)),
		stat("Confirmed after", "Time from the forming of a deadlock until it was confirmed, on average.", "s", confirmedAfter, decimals(1)),
		stat("Left to act", "Time left, when a deadlock was confirmed, until the first process in or behind it gave up, on average.", "s",
			average("waitgraph_time_to_first_timeout_seconds", `status="confirmed"`), levels(red, 1.0, orange, 3.0, green), decimals(2)),
		stat("Gave up by timeout", "Blocked processes that gave up at a timeout, which usually crashes them.", "none",
			`sum(round(increase(waitgraph_timeouts_total{}[range])))`, levels(green, 1.0, orange), decimals(0)),
		stat("Of them foreseen", "The share of them about which a verdict had been announced before.", "percentunit",
			`sum(increase(waitgraph_timeouts_total{verdict!="none"}[range])) / (sum(increase(waitgraph_timeouts_total{}[range])) > 0)`, levels(red, 0.5, orange, 0.9, green), decimals(0)),
		stat("Cost", "The time for which deadlocks blocked processes, in the core and behind it, together.", "s",
			`sum(increase(waitgraph_deadlock_blocked_seconds_sum{}[range]))`, levels(green, 1.0, orange, 60.0, red), decimals(0)),

		row("Detection against crash"),
		gauges("A deadlock's life", "On average, from the moment that it formed: when it was known, and when the first process would give up. All that lies between is time to act.", "s",
			[]query{
				{average("waitgraph_detection_latency_seconds", `status="suspected"`), "suspected"},
				{confirmedAfter, "confirmed"},
				{confirmedAfter + " + " + average("waitgraph_time_to_first_timeout_seconds", `status="confirmed"`), "first timeout"},
				{average("waitgraph_deadlock_duration_seconds", ""), "over"},
			}, colored("suspected", blue, "confirmed", green, "first timeout", orange, "over", red), decimals(3)),
		series("Gave up by timeout, by what was known", "Blocked processes that gave up at a timeout: after a deadlock was confirmed, after one was suspected, or without a word. Those without a word were slow, or in a deadlock that nobody saw.", "none",
			[]query{{`sum by (verdict) (increase(waitgraph_timeouts_total{}[@]))`, "{{verdict}}"}}, bars, colored("confirmed", green, "suspected", blue, "none", red)),

		row("Each outage"),
		series("Deadlocks as they were confirmed", "Deadlocks by the shape of their core: one process that waits for itself, a cycle, or a knot.", "none",
			[]query{{`sum by (kind) (increase(waitgraph_verdicts_total{status="confirmed"}[@]))`, "{{kind}}"}}, bars, colored("self", purple, "cycle", red, "knot", orange)),
		series("What each outage cost", "For each deadlock, at the moment that it ended: the seconds for which it had blocked processes in the core and behind it, together.", "s",
			[]query{{`sum(increase(waitgraph_deadlock_blocked_seconds_sum{}[@]))`, "blocked"}}, bars, colored("blocked", red)),
		series("Confirmed against over", "Of the deadlocks at that moment, on average: how long after forming they were confirmed, and how long until they were over. Exemplars lead to the trace of a member.", "s",
			[]query{
				{`sum(rate(waitgraph_detection_latency_seconds_sum{status="confirmed"}[@])) / (sum(rate(waitgraph_detection_latency_seconds_count{status="confirmed"}[@])) > 0)`, "confirmed"},
				{`sum(rate(waitgraph_deadlock_duration_seconds_sum{}[@])) / (sum(rate(waitgraph_deadlock_duration_seconds_count{}[@])) > 0)`, "over"},
			}, points, logarithmic, exemplars, colored("confirmed", green, "over", red)),
		gauges("How they ended", "Deadlocks that ended in this range of time, by how. Only those broken by cancelling ended before anybody crashed.", "none",
			[]query{{`sum by (cause) (round(increase(waitgraph_resolutions_total{}[range]))) > 0`, "{{cause}}"}}, decimals(0), colored("timeout", red, "crashed", red, "cancelled", green)),

		row("Before it happens"),
		series("Near their timeout", "Waits that used up three quarters of their time, by what was known of them. Without a word: slowness, that will soon be timeouts.", "none",
			[]query{{`sum by (verdict) (increase(waitgraph_near_timeouts_total{}[@]))`, "{{verdict}}"}}, bars, colored("confirmed", green, "suspected", blue, "none", red)),
		series("Pools that came to their last worker", "Times that all workers of a pool but one were blocked, and one of them waited for the pool itself.", "none",
			[]query{{`sum(increase(waitgraph_pool_last_workers_total{}[@]))`, "pools"}}, bars, colored("pools", orange)),
	)
}
