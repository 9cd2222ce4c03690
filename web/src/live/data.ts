// What the live view knows: figures polled once a second, changes as they come, and a short memory
// of both. Everything is bounded; nothing is stored.
import {useEffect, useRef, useState} from 'preact/hooks';

import {type Change, type Feed, follow, type Place} from '../feed';
import {
  type Audit, type Counts, type Flappers, type ServerStatus, service, ServiceError,
} from '../service';
import {readStored, writeStored} from '../storage';

const POLL_INTERVAL_MS = 1000;
// What changes slowly, and costs the server a walk over its table of flappers.
const SLOW_POLL_INTERVAL_MS = 3000;
// What other brokers of a fleet do is no event here: it is asked for.
export const FLEET_POLL_INTERVAL_MS = 2000;
const FLAPPERS_SHOWN = 8;
// A tab that nobody has looked at for so long lets go: a browser has six connections for all tabs of one
// origin, and every feed holds one.
const HIDDEN_MAX_MS = 30_000;
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
  atMs: number; // when they were answered
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

// Asks again and again, `intervalMs` after each answer, until the returned function is called. `ask`
// does not throw.
export function repeat(intervalMs: number, ask: (signal: AbortSignal) => Promise<void>): () => void {
  const abort = new AbortController();
  let timer = 0;
  const round = async () => {
    await ask(abort.signal);
    if (!abort.signal.aborted) timer = window.setTimeout(round, intervalMs);
  };
  void round();
  return () => {
    abort.abort();
    window.clearTimeout(timer);
  };
}

// Whether anybody looks at this tab, or did a moment ago.
export function useAwake(): boolean {
  const [awake, setAwake] = useState(!document.hidden);
  useEffect(() => {
    let timer = 0;
    const onVisibility = () => {
      window.clearTimeout(timer);
      if (document.hidden) timer = window.setTimeout(() => setAwake(false), HIDDEN_MAX_MS);
      else setAwake(true);
    };
    document.addEventListener('visibilitychange', onVisibility);
    return () => {
      document.removeEventListener('visibilitychange', onVisibility);
      window.clearTimeout(timer);
    };
  }, []);
  return awake;
}

// `fresh`: the figures are the server's latest, and it answers.
export function useFigures(awake: boolean): {
  figures: Figures | undefined;
  error: ServiceError | undefined;
  fresh: boolean;
} {
  const [figures, setFigures] = useState<Figures>();
  const [error, setError] = useState<ServiceError>();
  const [fresh, setFresh] = useState(false);
  useEffect(() => {
    if (!awake) {
      setFresh(false);
      return undefined;
    }
    let before: Totals | undefined;
    let samples: Sample[] = [];
    return repeat(POLL_INTERVAL_MS, async (signal) => {
      try {
        const [status, counts] = await Promise.all([service.status(signal), service.counts(signal)]);
        if (signal.aborted) return;
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
        setFigures({atMs: now.atMs, status, counts, samples});
        setError(undefined);
        setFresh(true);
      } catch (e) {
        if (signal.aborted) return;
        setError(e instanceof ServiceError ? e : new ServiceError('internal', String(e)));
        setFresh(false);
      }
    });
  }, [awake]);
  return {figures, error, fresh};
}

export interface Faults {
  audit: Audit;
  flapping: Flappers;
}

// The self-audit and the worst flappers; undefined until the first answer. Trouble is told by
// useFigures, which asks the same server more often.
export function useFaults(awake: boolean): Faults | undefined {
  const [faults, setFaults] = useState<Faults>();
  useEffect(() => {
    if (!awake) return undefined;
    return repeat(SLOW_POLL_INTERVAL_MS, async (signal) => {
      try {
        const [audit, flapping] = await Promise.all([
          service.audit(signal), service.flappers(FLAPPERS_SHOWN, signal)]);
        setFaults({audit, flapping});
      } catch {
        // as it was
      }
    });
  }, [awake]);
  return faults;
}

// What happened, or that what happened next is not known.
export type ActivityEntry = {key: number; change: Change} | {key: number; missed: Missed};

export interface Missed {
  restarted: boolean; // the broker was started anew
  noticedMs: number;
}

export interface Memory {
  connected: boolean;
  activity: ActivityEntry[]; // newest first
  keys: number; // given away so far
}

// Keys of our own: sequences begin anew with the broker.
const remember = (memory: Memory, changes: Change[]): Memory => ({
  ...memory,
  activity: [...changes.map((change, i): ActivityEntry => ({key: memory.keys + i, change}))
               .slice(-ACTIVITY_MAX).reverse(),
             ...memory.activity].slice(0, ACTIVITY_MAX),
  keys: memory.keys + changes.length,
});

// What is missing in one place is told once.
function rememberMissed(memory: Memory, restarted: boolean): Memory {
  const [last, ...before] = memory.activity;
  const again = last !== undefined && 'missed' in last;
  const missed = {restarted: restarted || (again && last.missed.restarted), noticedMs: Date.now()};
  return {
    ...memory,
    activity: [{key: memory.keys, missed}, ...(again ? before : memory.activity)].slice(0, ACTIVITY_MAX),
    keys: memory.keys + 1,
  };
}

export interface FeedHandlers {
  onChanges(changes: Change[]): void; // sees every batch of changes once
  onGap(): void; // what is shown must be loaded anew
}

// `figures`: tell how far the server is, which the feed should be soon.
export function useFeed(awake: boolean, figures: Figures | undefined, given: FeedHandlers): Memory {
  const [memory, setMemory] = useState<Memory>(
    () => ({connected: false, activity: [], keys: 0}));
  const place = useRef<Place>({});
  const handlers = useRef(given);
  handlers.current = given;
  const feed = useRef<Feed>();
  useEffect(() => {
    if (!awake) return undefined;
    const followed = follow(place.current, {
      onChanges(changes) {
        setMemory((m) => remember(m, changes));
        handlers.current.onChanges(changes);
      },
      onMissed: (restarted) => setMemory((m) => rememberMissed(m, restarted)),
      onGap: () => handlers.current.onGap(),
      onBegin: () => handlers.current.onGap(),
      onConnection: (connected) => setMemory((m) => ({...m, connected})),
    });
    feed.current = followed;
    return () => {
      feed.current = undefined;
      followed.stop();
      setMemory((m) => ({...m, connected: false}));
    };
  }, [awake]);
  useEffect(() => feed.current?.serverIsAt(BigInt(figures?.status.sequence ?? 0)), [figures]);
  return memory;
}

const WATCH_KEY = 'session-status-watch';
export const WATCH_MAX = 100;

function readWatchList(): string[] {
  try {
    const stored: unknown = JSON.parse(readStored(WATCH_KEY) ?? '[]');
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
    setIds(next);
    writeStored(WATCH_KEY, JSON.stringify(next));
  };
  return [ids, toggle];
}
