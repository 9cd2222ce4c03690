// The change feed: server-sent events at /v1/changes. One connection per page, shared.
import type {State} from './service';

export interface Change {
  sequence?: string; // begins anew with each life of the broker
  kind?: string;
  clientId?: string;
  state?: State;
  endReason?: string;
  incarnation?: string;
  timeMs?: string;
  takenOver?: boolean;
  address?: string;
  listenerPort?: number;
  protocolVersion?: string;
}

// How far the feed was told. Survives the feed, so that the next one knows what it missed.
export interface Place {
  epoch?: string; // of the broker's life
  sequence?: bigint; // of the latest event
}

export interface FeedListener {
  onChanges(changes: Change[]): void; // in order; several at once under load
  // Between the changes before and those to come others are missing, all of the broker's last life maybe.
  onMissed(restarted: boolean): void;
  onGap(): void; // changes were missed: load again what is shown
  onBegin(): void; // changes follow from here: load what is shown, an earlier listing lacks some
  onConnection(connected: boolean): void;
}

// What a screen can follow; changes in between are handed over together.
const DELIVERY_INTERVAL_MS = 200;
// A hidden tab may be throttled; beyond this it is told of a gap instead of growing.
const PENDING_MAX = 20_000;

// A browser gives up on a feed that was answered with anything but 200: by a proxy while the broker
// restarts, or by a listener that is full.
const RETRY_INTERVAL_MS = 3000;

// A connection that has silently died tells of nothing and is not ended. So long may the server know of
// changes while none of them comes.
const SILENCE_MAX_MS = 5000;

export interface Feed {
  serverIsAt(sequence: bigint): void; // as every answer to a poll says
  stop(): void;
}

const dataOf = <Data>(event: Event) => JSON.parse((event as MessageEvent<string>).data) as Data;

// Follows until it is stopped. The browser reconnects by itself and says where it was (Last-Event-ID);
// where it gives up, or hears nothing of what there is, the feed begins anew.
export function follow(place: Place, listener: FeedListener): Feed {
  let source: EventSource;
  let silentSinceMs: number | undefined;  // the server knows more, and nothing comes
  let pending: Change[] = [];
  let overflowed = false;
  let timer: number | undefined;
  let retry: number | undefined;

  const deliver = () => {
    window.clearTimeout(timer);
    timer = undefined;
    const changes = pending;
    pending = [];
    if (overflowed) {
      listener.onMissed(false);
      listener.onGap();
    }
    overflowed = false;
    if (changes.length > 0) listener.onChanges(changes);
  };
  // A gap or a beginning: where the feed goes on, which may not be where it was.
  const goOn = (epoch: string | undefined, sequence = '0') => {
    silentSinceMs = undefined;
    const restarted = epoch !== place.epoch;
    const missed = place.epoch !== undefined && (restarted || BigInt(sequence) > (place.sequence ?? 0n));
    place.epoch = epoch;
    place.sequence = BigInt(sequence);
    if (missed) listener.onMissed(restarted);
  };
  const onChange = (event: Event) => {
    const change = dataOf<Change>(event);
    silentSinceMs = undefined;
    if (change.sequence) place.sequence = BigInt(change.sequence);
    if (pending.length >= PENDING_MAX) {
      pending = [];
      overflowed = true;
    }
    pending.push(change);
    timer ??= window.setTimeout(deliver, DELIVERY_INTERVAL_MS);
  };
  const begin = () => {
    let begun = false;
    source = new EventSource('/v1/changes');
    source.addEventListener('change', onChange);
    source.addEventListener('started', (event) => {
      const started = dataOf<{feedEpoch?: string; sequence?: string}>(event);
      goOn(started.feedEpoch, started.sequence);
    });
    source.addEventListener('gap', (event) => {
      deliver();  // from before the gap, maybe of a broker's life that is over: not to come after it
      const gap = dataOf<{feedEpoch?: string; restartSequence?: string}>(event);
      goOn(gap.feedEpoch, gap.restartSequence);
      listener.onGap();
    });
    source.addEventListener('open', () => {
      silentSinceMs = undefined;
      listener.onConnection(true);
      if (begun) return;  // the browser resumes where it was
      begun = true;
      deliver();
      listener.onBegin();
    });
    source.addEventListener('error', () => {
      listener.onConnection(false);
      if (source.readyState === EventSource.CLOSED) retry = window.setTimeout(begin, RETRY_INTERVAL_MS);
    });
  };
  begin();
  return {
    serverIsAt(sequence) {
      const behind = source.readyState === EventSource.OPEN
        && place.sequence !== undefined && sequence > place.sequence;
      if (!behind) {
        silentSinceMs = undefined;
        return;
      }
      silentSinceMs ??= performance.now();
      if (performance.now() - silentSinceMs < SILENCE_MAX_MS) return;
      silentSinceMs = undefined;
      source.close();
      listener.onConnection(false);
      begin();
    },
    stop() {
      source.close();
      window.clearTimeout(retry);
      window.clearTimeout(timer);
    },
  };
}
