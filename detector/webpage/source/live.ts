// How the detector is, as its events tell.
import { useEffect, useState } from 'preact/hooks';
import { ask, Refused, type State } from './api';

export interface Live {
  link: 'connecting' | 'live' | 'silent'; // silent: connected, but no event came in time
  state?: State; // the last that was heard
}

/** The detector tells something at least every 5 s. */
const silence = 12_000;
const again = 1000;

/** Follows the events for as long as the page is open. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ link: 'connecting' });
  useEffect(() => {
    let source: EventSource | undefined;
    let timer = 0;
    const lose = (link: Live['link']) => setLive((old) => ({ ...old, link }));
    const connect = () => {
      source = new EventSource('/api/v1/events');
      source.addEventListener('state', (e) => {
        clearTimeout(timer);
        timer = setTimeout(() => lose('silent'), silence);
        setLive({ link: 'live', state: JSON.parse(e.data as string) as State });
      });
      source.addEventListener('error', () => {
        clearTimeout(timer);
        lose('connecting');
        source?.close(); // the browser gives up after some errors; this never does
        timer = setTimeout(() => void ask('/api/v1/deadlocks?limit=1').catch((e: unknown) => toLogin(e instanceof Refused ? e.status : undefined)).finally(connect), again);
      });
    };
    connect();
    return () => {
      clearTimeout(timer);
      source?.close();
    };
  }, []);
  return live;
}

/** What changes whenever there may be other deadlocks than before. */
export const deadlockNews = (s: State | undefined): unknown[] => [s?.started, s?.standing, s?.confirmed, s?.deadlocked];

/** A detector that wants its token gets to ask for it. */
export function toLogin(status: number | undefined): void {
  if (status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

/** Asks the API whenever one of these changes. The last answer stays until there is a new one. */
export function useAnswer<T>(path: string, changes: unknown[]): { answer?: T; error?: Error } {
  const [got, setGot] = useState<{ path: string; answer?: T; error?: Error }>({ path });
  useEffect(() => {
    const stop = new AbortController();
    ask<T>(path, stop.signal).then(
      (answer) => setGot({ path, answer }),
      (error: Error) => {
        if (stop.signal.aborted) return;
        toLogin(error instanceof Refused ? error.status : undefined);
        setGot((old) => (old.path === path && !(error instanceof Refused) ? old : { path, error }));
      },
    );
    return () => stop.abort();
  }, [path, ...changes]);
  return got.path === path ? got : {};
}
