// What the live view knows: figures polled once a second, changes as they come, and a short memory
// of both. Everything is bounded; nothing is stored.
import {useEffect, useRef, useState} from 'preact/hooks';

import {type Change, follow} from '../feed';
import {
  type Audit, type Counts, type Flappers, type ServerStatus, service, ServiceError,
} from '../service';

const POLL_INTERVAL_MS = 1000;
// What changes slowly, and costs the server a walk over its table of flappers.
const SLOW_POLL_INTERVAL_MS = 3000;
const FLAPPERS_SHOWN = 8;
export const HISTORY_SECONDS = 300;
const ACTIVITY_MAX = 50;

export interface Sample {
  atMs: number;
  online: number;
  connectsPerS: number;
  takeoversPerS: number;
  endsPerS: number;
  endsPerSByReason: Record<string, number>; // reasons that occurred, as the service names them
}

export interface Figures {
  status: ServerStatus;
  counts: Counts;
  samples: Sample[];
}

interface Totals {
  atMs: number;
  connects: number;
  takeovers: number;
  ends: Record<string, number>; // by reason
}

const endsOf = (counts: Counts) => Object.fromEntries(
  (counts.endsByReason ?? []).map((r) => [r.reason ?? '', Number(r.count ?? 0)]));

function nextSample(now: Totals, before: Totals, online: number): Sample {
  const seconds = (now.atMs - before.atMs) / 1000;
  // A restarted broker counts from zero again.
  const perSecond = (n: number, b: number) => (seconds > 0 && n >= b ? (n - b) / seconds : 0);
  const byReason = Object.fromEntries(Object.entries(now.ends).map(([reason, count]) =>
    [reason, perSecond(count, before.ends[reason] ?? 0)]));
  return {
    atMs: now.atMs,
    online,
    connectsPerS: perSecond(now.connects, before.connects),
    takeoversPerS: perSecond(now.takeovers, before.takeovers),
    endsPerS: Object.values(byReason).reduce((sum, n) => sum + n, 0),
    endsPerSByReason: byReason,
  };
}

export function useFigures(): {figures: Figures | undefined; error: ServiceError | undefined} {
  const [figures, setFigures] = useState<Figures>();
  const [error, setError] = useState<ServiceError>();
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    let before: Totals | undefined;
    let samples: Sample[] = [];

    const poll = async () => {
      try {
        const [status, counts] = await Promise.all([
          service.status(abort.signal), service.counts(abort.signal)]);
        const now = {
          atMs: Date.now(),
          connects: Number(counts.connects ?? 0),
          takeovers: Number(counts.takeovers ?? 0),
          ends: endsOf(counts),
        };
        // The first answer has nothing to compare with: it gives no rate, so no sample.
        if (before) {
          samples = [...samples.slice(1 - HISTORY_SECONDS),
                     nextSample(now, before, Number(counts.sessions?.online ?? 0))];
        }
        before = now;
        setFigures({status, counts, samples});
        setError(undefined);
      } catch (e) {
        if (abort.signal.aborted) return;
        setError(e instanceof ServiceError ? e : new ServiceError('internal', String(e)));
      }
      timer = window.setTimeout(poll, POLL_INTERVAL_MS);
    };
    void poll();
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, []);
  return {figures, error};
}

export interface Faults {
  audit: Audit;
  flapping: Flappers;
}

// The self-audit and the worst flappers; undefined until the first answer. Trouble is told by
// useFigures, which asks the same server more often.
export function useFaults(): Faults | undefined {
  const [faults, setFaults] = useState<Faults>();
  useEffect(() => {
    const abort = new AbortController();
    let timer = 0;
    const poll = async () => {
      try {
        const [audit, flapping] = await Promise.all([
          service.audit(abort.signal), service.flappers(FLAPPERS_SHOWN, abort.signal)]);
        setFaults({audit, flapping});
      } catch {
        if (abort.signal.aborted) return;
      }
      timer = window.setTimeout(poll, SLOW_POLL_INTERVAL_MS);
    };
    void poll();
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, []);
  return faults;
}

export interface Memory {
  connected: boolean;
  activity: Change[]; // newest first
  gaps: number;
}

const remember = (memory: Memory, changes: Change[]): Memory => ({
  ...memory,
  activity: [...changes.slice(-ACTIVITY_MAX).reverse(), ...memory.activity].slice(0, ACTIVITY_MAX),
});

// `onChanges` sees every batch of changes once; `onGap` says that what is shown must be loaded anew.
export function useFeed(onChanges: (changes: Change[]) => void, onGap: () => void): Memory {
  const [memory, setMemory] = useState<Memory>(
    () => ({connected: false, activity: [], gaps: 0}));
  const handlers = useRef({onChanges, onGap});
  handlers.current = {onChanges, onGap};
  useEffect(
    () => follow({
      onChanges(changes) {
        setMemory((m) => remember(m, changes));
        handlers.current.onChanges(changes);
      },
      onGap() {
        setMemory((m) => ({...m, gaps: m.gaps + 1}));
        handlers.current.onGap();
      },
      onBegin: () => handlers.current.onGap(),
      onConnection: (connected) => setMemory((m) => ({...m, connected})),
    }),
    []);
  return memory;
}

const WATCH_KEY = 'session-status-watch';
export const WATCH_MAX = 100;

function readWatchList(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(WATCH_KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter((id) => typeof id === 'string').slice(0, WATCH_MAX) : [];
  } catch {
    return [];
  }
}

// Identifiers this browser watches. Kept in its storage.
export function useWatchList(): [string[], (id: string) => void] {
  const [ids, setIds] = useState(readWatchList);
  const toggle = (id: string) => {
    const next = ids.includes(id) ? ids.filter((i) => i !== id) : [...ids, id].slice(-WATCH_MAX);
    localStorage.setItem(WATCH_KEY, JSON.stringify(next));
    setIds(next);
  };
  return [ids, toggle];
}
