// What the HTTP API answers, in the parts that the page shows. The names are
// those of Go's packages httpapi, explain and history.

export interface State {
  started: string;
  ready: boolean;
  reason?: string;
  agents: number;
  silent: number;
  processes: number;
  waits: number;
  deadlocked: number;
  standing: number;
  confirmed: number;
  reports: number;
  trace_url?: string;
}

export interface Holder {
  process: string;
  agent: string;
  activation: number;
}

export interface Wait {
  resource: string;
  kind: string;
  since?: string;
  deadline?: string;
  key?: string;
  queue?: string;
  holders: Holder[];
  holder_count: number;
  trace_id?: string;
}

export interface Process extends Holder {
  service?: string;
  host?: string;
  epoch?: number;
  need?: number;
  waits?: Wait[];
  wait_count?: number; // where waits is left out for want of room
}

export interface Node extends Process {
  hint?: boolean;
  deadlocked?: boolean;
  verdict?: string;
}

export interface Graph {
  at: string;
  processes: Node[];
}

export interface Deadlock {
  id: string;
  kind: string;
  status: 'suspected' | 'confirmed' | 'resolved' | 'retracted';
  reason?: string;
  cause?: string;
  contradicted: boolean;
  summary: string;
  sentences: string[];
  at: string;
  since?: string;
  suspected_at?: string;
  confirmed_at?: string;
  ended_at?: string;
  first_timeout?: string;
  core: Process[];
  core_count: number;
  edge_count: number; // of the core; at most 100 of them have sentences
  collateral: Process[];
  collateral_count: number;
  fingerprint: string;
  recurrence?: { before: number; first?: string; last?: string };
  end_unseen?: boolean;
  unproven?: string;
  proof?: unknown;
}

export interface Deadlocks {
  at: string;
  standing: Deadlock[];
  standing_count: number;
  past: Deadlock[];
  next?: string;
  history: 'on' | 'off' | 'opening' | 'failing';
  history_error?: string;
}

/** What the API said instead of an answer. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

/** Asks the API. It rejects with Refused if the detector answered, but not with that. */
export async function ask<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await fetch(path, { headers: { Accept: 'application/json' }, ...(signal && { signal }) });
  if (answer.ok) return (await answer.json()) as T;
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string };
  throw new Refused(answer.status, problem.detail ?? answer.statusText);
}

/** A process's identity: no two processes of the graph have the same. */
export function keyOf(p: Holder): string {
  return JSON.stringify([p.agent, p.process, p.activation]);
}
