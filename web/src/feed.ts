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

// Follows until the returned function is called. The browser reconnects by itself and says where
// it was (Last-Event-ID).
export function follow(listener: FeedListener): () => void {
  const source = new EventSource('/v1/changes');
  let pending: Change[] = [];
  let overflowed = false;
  let timer: number | undefined;

  const deliver = () => {
    timer = undefined;
    const changes = pending;
    pending = [];
    if (overflowed) listener.onGap();
    overflowed = false;
    if (changes.length > 0) listener.onChanges(changes);
  };
  source.addEventListener('change', (event) => {
    if (pending.length >= PENDING_MAX) {
      pending = [];
      overflowed = true;
    }
    pending.push(JSON.parse((event as MessageEvent<string>).data) as Change);
    timer ??= window.setTimeout(deliver, DELIVERY_INTERVAL_MS);
  });
  source.addEventListener('gap', () => listener.onGap());
  let begun = false;
  source.addEventListener('open', () => {
    listener.onConnection(true);
    if (!begun) listener.onBegin();  // later the browser resumes where it was
    begun = true;
  });
  source.addEventListener('error', () => listener.onConnection(false));
  return () => {
    source.close();
    window.clearTimeout(timer);
  };
}
