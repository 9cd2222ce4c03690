// The searchable table of clients: pages of a listing that is frozen on the server, rows kept up to
// date by the change feed. Shows 100 of a million as easily as 3 of 3.
import type {JSX} from 'preact';
import {useEffect, useImperativeHandle, useRef, useState} from 'preact/hooks';
import {forwardRef} from 'preact/compat';

import type {Change} from '../feed';
import {printable, reason, time} from '../format';
import {type ListReply, type ListRequest, service, ServiceError, type Session, type State} from '../service';
import {ClientLink, Notice, StateMark} from '../ui';
import {within} from './address';

const PAGE_SIZE = 100;
// New clients join the first page on top; beyond this it is time to load again.
const ROWS_MAX = 3 * PAGE_SIZE;
// Kept for going back; who looks further searches instead.
const PAGES_MAX = 100;
const TYPING_PAUSE_MS = 250;
// Queries for what the feed does not tell of clients that join, under way at a time: a browser has six
// connections for all tabs. Each makes room after a pause, so that a storm costs 150 a second at most.
const ASKED_AT_ONCE = 3;
const ASKING_PAUSE_MS = 20;
// Changes that may be younger than a listing under way, or than a page that is shown again.
const RECENT_MAX = 1000;

interface Filter {
  prefix: string;
  state: State | '';
  address: string;
}

const STATES: [State | '', string][] = [
  ['', 'any state'],
  ['SESSION_STATE_ONLINE', 'online'],
  ['SESSION_STATE_OFFLINE_SESSION_KEPT', 'session kept'],
  ['SESSION_STATE_OFFLINE', 'offline'],
];

export interface SessionTableHandle {
  apply(changes: Change[]): void;
  reload(): void;
  retry(): void; // if it could not be loaded
}

// What a change says about a row; members it does not carry stay as they were.
export function applyChange(row: Session, change: Change): Session {
  const online = change.state === 'SESSION_STATE_ONLINE';
  const next: Session = {...row, online, clientId: change.clientId ?? row.clientId ?? ''};
  if (change.state) next.state = change.state;
  if (change.address) next.address = change.address;
  if (online) {
    if (change.timeMs) next.connectedAtMs = change.timeMs;
    delete next.disconnectedAtMs;
    delete next.endReason;
    if (change.protocolVersion) next.protocolVersion = change.protocolVersion;
  } else {
    if (change.timeMs && change.kind !== 'CHANGE_KIND_SESSION_GONE') next.disconnectedAtMs = change.timeMs;
    if (change.endReason) next.endReason = change.endReason;
  }
  return next;
}

// The server's own conditions, but for the network of those whose address is not known.
function wanted(filter: Filter): (row: Session) => boolean {
  const inNetwork = filter.address === '' ? () => true : within(filter.address);
  return (row) => (row.clientId ?? '').startsWith(filter.prefix)
    && (filter.state === '' || row.state === filter.state) && (!row.address || inNetwork(row.address));
}

function since(session: Session): string {
  const ms = session.online ? session.connectedAtMs : session.disconnectedAtMs;
  return ms ? time(Number(ms)) : '';
}

// What the feed does not tell of a client that went.
type Details = Pick<Session, 'address' | 'protocolVersion'>;

interface Applied {
  rows: Session[];
  unknown: string[]; // joined, or would if they were known to be of the network
}

// Who does not match any more leaves; who matches now joins, on the first page. `details`: by identifier.
function applyAll(
  rows: Session[], changes: Change[], filter: Filter, firstPage: boolean,
  details = new Map<string, Details>(),
): Applied {
  const byId = new Map(rows.map((r) => [r.clientId ?? '', r]));
  const fresh = new Map<string, Session>();
  for (const change of changes) {
    const id = change.clientId ?? '';
    const of = byId.has(id) ? byId : fresh;
    if (of === byId || firstPage) of.set(id, applyChange({...details.get(id), ...of.get(id)}, change));
  }
  // Only now: one that left and came back within these changes has not moved.
  const wants = wanted(filter);
  for (const {clientId: id = ''} of changes) {
    for (const of of [byId, fresh]) {
      const row = of.get(id);
      if (row && !wants(row)) of.delete(id);
    }
  }
  const unknown = [...fresh].filter(([, row]) => !row.address).map(([id]) => id);
  if (filter.address) for (const id of unknown) fresh.delete(id);
  return {rows: [...[...fresh.values()].reverse(), ...byId.values()].slice(0, ROWS_MAX), unknown};
}

// Asks for the details of clients, the latest first. Where more than the table holds are waiting, those that
// have waited longest are not asked for any more.
class Questions {
  private queue: string[] = [];
  private underWay = 0;

  constructor(private readonly onAnswer: (id: string, details: Details) => void) {}

  // False: not all will be asked for.
  add(ids: string[]): boolean {
    const all = [...new Set([...this.queue, ...ids])];
    this.queue = all.slice(-ROWS_MAX);
    this.next();
    return all.length === this.queue.length;
  }

  forget(): void {
    this.queue = [];
  }

  private next(): void {
    while (this.underWay < ASKED_AT_ONCE && this.queue.length > 0) {
      const id = this.queue.pop()!;
      this.underWay += 1;
      void service.query(id).then(
        ({address, protocolVersion}) => this.onAnswer(id, {
          ...(address && {address}), ...(protocolVersion && {protocolVersion})}),
        () => undefined,  // shown without
      ).finally(() => window.setTimeout(() => {
        this.underWay -= 1;
        this.next();
      }, ASKING_PAUSE_MS));
    }
  }
}

// A listing that the server holds, as far as it was read.
interface Listing {
  cursor: string; // of the next page; empty: none, or not known yet
  left: boolean;
}

function leave(listing: Listing): void {
  listing.left = true;
  if (listing.cursor) service.closeListing(listing.cursor);
  listing.cursor = '';
}

// One page: a listing that filters answers short pages, even empty ones, until it has gone through
// all sessions. `onProgress` gets what there is so far. A request is never aborted, because only its
// answer tells the cursor to close. Undefined: the listing was left meanwhile.
async function loadPage(
  listing: Listing,
  begin: Omit<ListRequest, 'pageSize'>,
  onProgress: (sessions: Session[]) => void,
): Promise<ListReply | undefined> {
  const sessions: Session[] = [];
  for (let request = begin; ;) {
    const reply = await service.list({pageSize: PAGE_SIZE - sessions.length, ...request});
    listing.cursor = reply.nextCursor ?? '';
    if (listing.left) {
      leave(listing);
      return undefined;
    }
    sessions.push(...(reply.sessions ?? []));
    if (sessions.length >= PAGE_SIZE || !reply.nextCursor) return {...reply, sessions};
    onProgress([...sessions]);
    request = {cursor: reply.nextCursor};
  }
}

// What the server says of a cursor whose listing it does not hold any more.
const GONE = ['aborted', 'failed_precondition'];

export const SessionTable = forwardRef<SessionTableHandle, {
  node: string | undefined; // in a fleet: whose clients these are
  watched: string[];
  onWatch: (id: string) => void;
  onOpen: (id: string) => void;
}>(({node, watched, onWatch, onOpen}, ref) => {
  const [filter, setFilter] = useState<Filter>({prefix: '', state: '', address: ''});
  // The pages so far: the server repeats none but the latest.
  const [pages, setPages] = useState<ListReply[]>([]);
  const [index, setIndex] = useState(0); // of the page that is shown, or is being loaded
  const [rows, setRows] = useState<Session[]>([]);
  const [error, setError] = useState('');
  const [note, setNote] = useState('');
  const [loading, setLoading] = useState(true);
  const [reloads, setReloads] = useState(0);
  const typing = useRef(0);
  const typed = useRef<Partial<Filter>>({});
  const recent = useRef<Change[]>([]);
  const listing = useRef<Listing>({cursor: '', left: false});
  const firstPage = index === 0;
  const page: ListReply = pages[index] ?? {};
  const shown = useRef<Session[]>([]);
  const show = (next: Session[]) => {
    shown.current = next;
    setRows(next);
  };
  const view = useRef({filter, firstPage});
  view.current = {filter, firstPage};
  const [questions] = useState(() => new Questions((id, details) => {
    const known = shown.current.map((row) => (row.clientId === id ? {...details, ...row} : row));
    const told = recent.current.filter((c) => c.clientId === id);
    show(applyAll(known, told, view.current.filter, view.current.firstPage, new Map([[id, details]])).rows);
  }));
  const update = (from: Session[], changes: Change[]) => {
    const {rows: next, unknown} = applyAll(from, changes, filter, firstPage);
    show(next);
    if (!questions.add(unknown) && filter.address) {
      setNote('So many clients went at once that some of this network may be missing. List again.');
    }
  };
  const startOver = (why = '') => {
    leave(listing.current);
    listing.current = {cursor: '', left: false};
    setNote(why);
    setPages([]);
    setIndex(0);
    setReloads((n) => n + 1);
  };

  useImperativeHandle(ref, () => ({
    apply: (changes) => {
      recent.current = [...recent.current, ...changes].slice(-RECENT_MAX);
      update(shown.current, changes);
    },
    reload: () => {
      // All of it is in the listing that begins now. A broker that restarted numbers anew: changes of
      // its former life would count as later than that listing.
      recent.current = [];
      startOver();
    },
    retry: () => error && startOver(),
  }), [filter, firstPage, error]);

  useEffect(() => {
    // Not leave(): whoever comes back to a page that the browser kept begins anew at its next page.
    const close = () => listing.current.cursor && service.closeListing(listing.current.cursor, true);
    window.addEventListener('pagehide', close);
    return () => {
      window.removeEventListener('pagehide', close);
      leave(listing.current);
    };
  }, []);

  useEffect(() => {
    let outdated = false;
    const mine = listing.current;
    questions.forget();
    // As it was listed, and what has changed since.
    const showPage = (reply: ListReply) => {
      const cut = BigInt(reply.sequence ?? 0);
      const later = recent.current.filter((c) => BigInt(c.sequence ?? 0) > cut);
      update(reply.sessions ?? [], later);
      setError('');
      setLoading(false);
    };
    const known = pages[index];
    if (known) {
      showPage(known);
      return undefined;
    }
    const cursor = pages[index - 1]?.nextCursor;
    const begin = cursor ? {cursor} : {
      ...(filter.prefix && {clientIdPrefix: filter.prefix}),
      ...(filter.state && {states: [filter.state]}),
      ...(filter.address && {address: filter.address}),
    };
    setLoading(true);
    loadPage(mine, begin, (sessions) => !outdated && show(sessions)).then(
      (reply) => {
        if (!reply) return;
        setPages((all) => [...all.slice(0, index), reply]);
        if (outdated) return;
        showPage(reply);
        if (cursor) setNote('');
      },
      (e: unknown) => {
        if (outdated || mine.left) return;
        if (cursor && e instanceof ServiceError && GONE.includes(e.code)) {
          startOver('The broker no longer held this listing, so it begins anew with the first page.');
          return;
        }
        setError(e instanceof ServiceError ? e.message : String(e));
        setLoading(false);
      });
    return () => { outdated = true; };
  }, [filter, index, reloads]);

  const change = (part: Partial<Filter>) => {
    // One pause serves all inputs: what was typed in another one meanwhile counts as well.
    typed.current = {...typed.current, ...part};
    window.clearTimeout(typing.current);
    typing.current = window.setTimeout(() => {
      setFilter((f) => ({...f, ...typed.current}));
      startOver();
    }, TYPING_PAUSE_MS);
  };
  const valueOf = (event: JSX.TargetedEvent<HTMLInputElement | HTMLSelectElement>) =>
    event.currentTarget.value;

  return (
    <section class="card" aria-labelledby="clients-title">
      <div class="bar">
        <h2 id="clients-title">{node ? `Clients of this broker (node ${printable(node)})` : 'Clients'}</h2>
        <div class="filters" role="search">
          <label>Identifier begins with
            <input type="search" autocomplete="off" spellcheck={false}
                   onInput={(e) => change({prefix: valueOf(e)})} />
          </label>
          <label>State
            <select onChange={(e) => change({state: valueOf(e) as Filter['state']})}>
              {STATES.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
            </select>
          </label>
          <label>Address or network
            <input type="search" autocomplete="off" spellcheck={false} placeholder="10.0.0.0/8"
                   onInput={(e) => change({address: valueOf(e).trim()})} />
          </label>
        </div>
      </div>
      {error && <Notice kind="error">The list could not be loaded: {error}</Notice>}
      {note && <Notice kind="hint">{note}</Notice>}
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of clients" aria-busy={loading}>
        <table>
          <thead>
            <tr>
              <th scope="col"><span class="visually-hidden">Watch</span></th>
              <th scope="col">Client</th><th scope="col">State</th><th scope="col">Since</th>
              <th scope="col">From</th><th scope="col">Why it ended</th><th scope="col">MQTT</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.clientId}>
                <td>
                  <button type="button" class="star" aria-pressed={watched.includes(row.clientId ?? '')}
                          aria-label={`Watch ${printable(row.clientId ?? '')}`} onClick={() => onWatch(row.clientId ?? '')}>
                    {watched.includes(row.clientId ?? '') ? '★' : '☆'}
                  </button>
                </td>
                <th scope="row">
                  <ClientLink id={row.clientId ?? ''} onOpen={onOpen} />
                </th>
                <td><StateMark state={row.state} /></td>
                <td>{since(row)}</td>
                <td>{row.address}</td>
                <td>{reason(row.endReason)}</td>
                <td>{(row.protocolVersion ?? '').replace('MQTT ', '')}</td>
              </tr>
            ))}
          </tbody>
        </table>
        {!error && rows.length === 0 && <p class="dim">{loading ? 'Searching …' : node ? 'No client of this broker matches.' : 'No client matches.'}</p>}
      </div>
      <div class="bar">
        <span class="dim" aria-live="polite">
          {page.takenAtMs && `Listed at ${time(Number(page.takenAtMs))}, page ${index + 1}`}
        </span>
        <span class="buttons">
          <button type="button" disabled={firstPage} onClick={() => setIndex(index - 1)}>
            Previous
          </button>
          <button type="button" disabled={!page.nextCursor || index + 1 === PAGES_MAX}
                  onClick={() => setIndex(index + 1)}>
            Next
          </button>
          <button type="button" onClick={() => startOver()}>
            List again
          </button>
        </span>
      </div>
    </section>
  );
});
