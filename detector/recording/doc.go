// Package recording keeps what a detector is told, and what it announces, in
// files, and plays such files to a fresh detector: the same events at the same
// times give the same announcements.
//
//	owner of the detector ──Event, Tick, Announce──▶ [bounded] ──▶ Recorder.Run ──▶ files
//	files ──▶ Replay ──Step, Tick──▶ a fresh detector ──▶ announcements, compared
//
// # Files
//
// A recording is one run of a detector. Its files are called
//
//	waitgraph-20261121T090000.000000000Z-000001.jsonl
//
// for the instant at which it began and the number of the file. Each line is a
// JSON object with the member t, the time that the detector was told (RFC 3339),
// and one other:
//
//	start        {recording, file, config}: the first line of each file
//	tick         true: time passed
//	batch        what an agent reported: a batch as package wire has it, in base64
//	unreachable  {agent, incarnation, round}
//	counted      {queue, round, consumers, ready, err}
//	announced    {again, verdict}: what came of the event before it; the verdict as
//	             explain.Proven, of one that is only repeated no more than a summary
//	dropped      how much is missing at this place, since it came too fast or was too large
//
// # Bounds
//
// All recordings in one folder together take no more than Config.MaxBytes: files
// are removed, first those of other recordings and then the lowest numbers of the
// present one. Recording never makes the detector wait; what comes too fast is
// dropped, counted, and noted in the file: at most 8192 lines wait, and batches
// that came in messages of 64 MiB together. If a file cannot be written, as when
// the disk is full, that is reported once and recording stops.
//
// # What a replay needs
//
// A detector has a memory, so only a recording that is there from its first
// file, with nothing dropped, has to give the same announcements. Of any other a
// replay shows what a detector makes of it that begins in the middle. Times are
// recorded as the wall clock shows them: a detector that is recorded must be
// told the time without a monotonic reading.
package recording
