// The change feed: server-sent events at /v1/changes. One connection per page, shared.
import type {State} from './service';

export interface Change {
  sequence?: string;
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

export interface FeedListener {
  onChanges(changes: Change[]): void; // in order; several at once under load
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

// Follows until the returned function is called. The browser reconnects by itself and says where
// it was (Last-Event-ID); where it gives up, the feed begins anew.
export function follow(listener: FeedListener): () => void {
  let source: EventSource;
  let pending: Change[] = [];
  let overflowed = false;
  let timer: number | undefined;
  let retry: number | undefined;

  const deliver = () => {
    window.clearTimeout(timer);
    timer = undefined;
    const changes = pending;
    pending = [];
    if (overflowed) listener.onGap();
    overflowed = false;
    if (changes.length > 0) listener.onChanges(changes);
  };
  const onChange = (event: Event) => {
    if (pending.length >= PENDING_MAX) {
      pending = [];
      overflowed = true;
    }
    pending.push(JSON.parse((event as MessageEvent<string>).data) as Change);
    timer ??= window.setTimeout(deliver, DELIVERY_INTERVAL_MS);
  };
  const begin = () => {
    let begun = false;
    source = new EventSource('/v1/changes');
    source.addEventListener('change', onChange);
    source.addEventListener('gap', () => {
      deliver();  // from before the gap, maybe of a broker's life that is over: not to come after it
      listener.onGap();
    });
    source.addEventListener('open', () => {
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
  return () => {
    source.close();
    window.clearTimeout(retry);
    window.clearTimeout(timer);
  };
}
