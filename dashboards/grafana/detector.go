package grafana

// detectorBoard tells whether the detector can be relied on.
func detectorBoard() Dashboard {
	return build("waitgraph-detector", "waitgraph: detector",
		"Does the detector see everything, how quick is it, and how often is it right?",
		append(seeing(), working()...)...)
}

// seeing is about what the detector sees, and says of it.
func seeing() []*Panel {
	return []*Panel{
		stat("Connected", "Whether reports are being received from the broker. If not, no deadlock is seen.", "none",
			`waitgraph_connected{}`, words("yes", green, "no", red)),
		stat("Picture", "Whether every agent that is known of has been heard out since the start. Until then deadlocks may be missed.", "none",
			`waitgraph_recovering{}`, words("recovering", orange, "complete", green)),
		stat("Agents", "Agents heard within their lease. What others run is not watched.", "none",
			`waitgraph_agents{}`, levels(red, 1.0, green)),
		stat("Standing deadlocks", "Deadlocks that are confirmed and have not ended.", "none",
			`sum(waitgraph_standing_deadlocks{status="confirmed"})`, levels(green, 1.0, red)),
		stat("Precision", "Of the deadlocks confirmed in this range of time, those that nobody contradicted afterwards. Anything below 100 % is a bug, of waitgraph or of an instrumentation.", "percentunit",
			`1 - sum(increase(waitgraph_verdicts_contradicted_total{}[range])) / (sum(increase(waitgraph_verdicts_total{status="confirmed"}[range])) > 0)`,
			levels(red, 0.9999, green), decimals(0)),
		stat("Confirmed after, median", "Half of the deadlocks of this range of time were confirmed within this time of forming.", "s",
			`histogram_quantile(0.5, sum by (le) (increase(waitgraph_detection_latency_seconds_bucket{status="confirmed"}[range])))`, decimals(1)),

		row("Verdicts"),
		series("Verdicts by what they became", "Each verdict counts once for each status that it reaches: suspected in the graph, confirmed by its members, resolved, or retracted.", "none",
			[]query{{`sum by (status) (increase(waitgraph_verdicts_total{}[@]))`, "{{status}}"}}, bars,
			colored("suspected", orange, "confirmed", red, "resolved", green, "retracted", grey)),
		series("From forming to verdict", "Time from the beginning of the last wait of a deadlock until it was suspected and confirmed, of those confirmed at that moment. Exemplars lead to the trace of a member.", "s",
			[]query{
				{`histogram_quantile(0.5, sum by (status, le) (rate(waitgraph_detection_latency_seconds_bucket{}[@])))`, "{{status}}, median"},
				{`histogram_quantile(0.99, sum by (status, le) (rate(waitgraph_detection_latency_seconds_bucket{}[@])))`, "{{status}}, p99"},
			}, points, logarithmic, exemplars),

		row("What it sees"),
		series("Blocked processes", "Processes that are known to be blocked, and of them those that nobody can free any more.", "none",
			[]query{{`waitgraph_blocked_processes{}`, "blocked"}, {`waitgraph_deadlocked_processes{}`, "deadlocked"}}, colored("blocked", blue, "deadlocked", red), stepped, size(8, 8)),
		series("Agents over time", "Agents heard within their lease. A drop is an OS process that ended, hangs, or lost the broker.", "none",
			[]query{{`waitgraph_agents{}`, "agents"}}, stepped, size(8, 8)),
		series("Pools on their last worker", "Pools of which one worker is left that is not blocked, while a blocked one waits for a request to the pool itself.", "none",
			[]query{{`waitgraph_pools_on_last_worker{}`, "pools"}}, stepped, size(8, 8), colored("pools", orange)),
	}
}

// working is about what comes in, what goes out, and what that costs.
func working() []*Panel {
	return []*Panel{
		row("What it takes"),
		series("Reports", "States of processes that were received, those that were older than what was known, and questions to agents, per second.", "ops",
			[]query{
				{`rate(waitgraph_reports_received_total{}[@])`, "received"},
				{`rate(waitgraph_reports_stale_total{}[@])`, "stale"},
				{`rate(waitgraph_questions_total{}[@])`, "questions"},
			}, size(8, 8)),
		series("Trouble", "What was dropped, rejected or missed. All of it should be zero.", "none",
			[]query{
				{`increase(waitgraph_dropped_total{}[@])`, "dropped: {{what}}"},
				{`increase(waitgraph_messages_rejected_total{}[@])`, "rejected: {{reason}}"},
				{`increase(waitgraph_digest_gaps_total{}[@])`, "digest gaps"},
				{`increase(waitgraph_breaches_total{}[@])`, "breaches of the contract"},
				{`increase(waitgraph_records_skipped_total{}[@])`, "records skipped"},
			}, bars, size(8, 8)),
		series("Suspicions retracted", "Suspected verdicts that an answer or a later report spoke against, before anybody confirmed them: the price of suspecting early.", "none",
			[]query{{`increase(waitgraph_candidates_rejected_total{}[@])`, "retracted"}}, bars, size(8, 8), colored("retracted", grey)),

		row("Whom it tells"),
		series("Alerts pushed", "States of alerts by what became of them, and deadlocks told as spans. Whatever is not sent or superseded is lost.", "none",
			[]query{
				{`sum by (target, outcome) (increase(waitgraph_notifications_total{}[@]))`, "{{target}}: {{outcome}}"},
				{`sum by (outcome) (increase(waitgraph_spans_total{}[@]))`, "span: {{outcome}}"},
			}, bars, size(8, 8)),
		series("From verdict to receiver", "Time from the announcement of a verdict's step until a receiver had accepted it, with all retries: 99 of 100.", "s",
			[]query{{`histogram_quantile(0.99, sum by (target, le) (rate(waitgraph_notification_latency_seconds_bucket{}[@])))`, "{{target}}"}}, points, logarithmic, size(8, 8)),
		series("Waiting to be told", "States of alerts that wait until a receiver accepts them, and attempts that are made again.", "none",
			[]query{{`waitgraph_notifications_pending{}`, "{{target}}: pending"}, {`increase(waitgraph_notification_retries_total{}[@])`, "{{target}}: retries"}}, size(8, 8)),

		row("What it costs"),
		series("CPU", "Cores that the detector keeps busy.", "none", []query{{`rate(process_cpu_seconds_total{}[@])`, "cores"}}),
		series("Memory", "Memory of the detector's OS process, and the part in use by Go.", "bytes",
			[]query{{`process_resident_memory_bytes{}`, "resident"}, {`go_memstats_heap_inuse_bytes{}`, "heap in use"}}),
	}
}
