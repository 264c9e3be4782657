// The deadlocks that stand and those that have ended, filtered.
import type { Deadlock, Deadlocks, State } from './api';
import { go, Link } from './link';
import { deadlockNews, useAnswer } from './live';
import { clock, instant, span } from './time';

const fields = ['service', 'process', 'status', 'since', 'until', 'fingerprint'] as const;

/** What is filtered by is in the address, so that it can be sent to somebody. */
export function DeadlocksView({ address, state }: { address: URL; state: State | undefined }) {
  const query = new URLSearchParams();
  for (const f of [...fields, 'cursor']) {
    const value = address.searchParams.get(f);
    if (value) query.set(f, value);
  }
  query.set('limit', '50');
  const { answer, error } = useAnswer<Deadlocks>(`/api/v1/deadlocks?${query}`, deadlockNews(state));
  return (
    <>
      <Filter address={address} />
      {error && <p role="alert">{error.message}</p>}
      {answer && <Found found={answer} address={address} />}
    </>
  );
}

function Filter({ address }: { address: URL }) {
  const apply = (e: SubmitEvent) => {
    e.preventDefault();
    const query = new URLSearchParams();
    for (const [name, value] of new FormData(e.currentTarget as HTMLFormElement)) {
      if (typeof value === 'string' && value) query.set(name, /^(since|until)$/.test(name) ? new Date(value).toISOString() : value);
    }
    go(query.size ? `/deadlocks?${query}` : '/deadlocks');
  };
  const given = (name: string) => address.searchParams.get(name) ?? '';
  return (
    <form class="filter" role="search" onSubmit={apply} key={address.search}>
      <label>Service <input name="service" defaultValue={given('service')} autocomplete="off" /></label>
      <label>Process <input name="process" defaultValue={given('process')} autocomplete="off" /></label>
      <label>
        Status{' '}
        <select name="status" defaultValue={given('status')}>
          <option value="">any</option>
          {['suspected', 'confirmed', 'resolved', 'retracted'].map((s) => <option key={s} value={s} selected={s === given('status')}>{s}</option>)}
        </select>
      </label>
      <label>From <input name="since" type="datetime-local" defaultValue={local(given('since'))} /></label>
      <label>To <input name="until" type="datetime-local" defaultValue={local(given('until'))} /></label>
      {given('fingerprint') && <label>Pattern <input name="fingerprint" defaultValue={given('fingerprint')} autocomplete="off" /></label>}
      <button>Search</button>
      {address.search && <Link href="/deadlocks">Clear</Link>}
    </form>
  );
}

/** An instant as an input of type datetime-local takes it. */
function local(text: string): string {
  const t = new Date(text);
  return isNaN(t.valueOf()) ? '' : new Date(t.valueOf() - t.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function Found({ found, address }: { found: Deadlocks; address: URL }) {
  const more = new URL(address);
  if (found.next) more.searchParams.set('cursor', found.next);
  return (
    <>
      <List title="Standing" deadlocks={found.standing} none="No deadlock stands." />
      {found.standing_count > found.standing.length && <p>The oldest {found.standing.length} of {found.standing_count}.</p>}
      <List title="Past" deadlocks={found.past} none="No deadlock has ended." />
      {found.next && <p><Link href={more.pathname + more.search}>Earlier ones</Link></p>}
      <p class="note">{histories[found.history]}{found.history_error && `: ${found.history_error}`}</p>
    </>
  );
}

const histories = {
  on: 'Deadlocks are kept across restarts.',
  off: 'Deadlocks are kept until the detector stops; --history keeps them longer.',
  opening: 'The history is being opened.',
  failing: 'The history cannot be written',
};

export function List({ title, deadlocks, none }: { title: string; deadlocks: Deadlock[]; none: string }) {
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {deadlocks.length === 0 && <p class="nothing">{none}</p>}
      <ul class="cards">{deadlocks.map((d) => <li key={d.id}><Card deadlock={d} /></li>)}</ul>
    </section>
  );
}

/** Who deadlocked: the first few, or how many if they are not listed. */
function members(d: Deadlock): string {
  const named = d.core.slice(0, 4).map((p) => p.process);
  if (named.length === 0) return `${d.core_count} processes`;
  const more = d.core_count - named.length;
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '');
}

function Card({ deadlock: d }: { deadlock: Deadlock }) {
  const begun = d.since ?? d.suspected_at;
  const times = d.recurrence?.before ?? 0;
  return (
    <article class={`card ${d.status}`}>
      <h3><Link href={`/deadlocks/${encodeURIComponent(d.id)}`}>{members(d)}</Link></h3>
      <p>{d.summary}</p>
      <p class="note">
        {begun && <time dateTime={begun}>{clock(begun)}</time>}
        {begun && d.ended_at && `, for ${span(instant(d.ended_at) - instant(begun))}`}
        {times > 0 && `, ${times === 1 ? 'once' : `${times} times`} before`}
      </p>
    </article>
  );
}
