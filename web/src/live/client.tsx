// One client: everything that is known, and its history.
import type {ComponentChildren} from 'preact';
import {useEffect, useRef, useState} from 'preact/hooks';

import type {Change} from '../feed';
import {enumWords, flaps, printable, reason, state as stateWords, time} from '../format';
import {type History, service, ServiceError, type Session} from '../service';
import {Notice, StateMark, SwitchedOff} from '../ui';
import {FLEET_POLL_INTERVAL_MS} from './data';

const HISTORY_SHOWN = 50;
const NO_BROKER_CODE = 0xFFFF; // Mosquitto 2.0 never gives one

const at = (ms: string | undefined) => (ms ? time(Number(ms)) : '');

const SOURCE_WORDS: Record<string, string> = {
  ANSWER_SOURCE_LOCAL: 'this broker',
  ANSWER_SOURCE_ENGINE: "the fleet's engine",
  ANSWER_SOURCE_REPLICA: "this broker's copy of what the others told",
};

function rowsOf(s: Session, inFleet: boolean): [string, string][] {
  // Another broker's client, or one that was found: how it connected is not known here.
  const connectKnown = s.cleanStart !== undefined || Boolean(s.keepaliveS);
  const detection = s.silentDeathUndetected && connectKnown
    ? 'never: the client asked for no keepalive'
    : s.detectionBoundS ? `within ${s.detectionBoundS} s` : '';
  const rows: [string, string][] = [
    ['Node', printable(s.node ?? '')],
    ['Source', inFleet ? SOURCE_WORDS[s.source ?? 'ANSWER_SOURCE_LOCAL'] ?? s.source! : ''],
    ['Connected at', at(s.connectedAtMs)],
    ['Disconnected at', at(s.disconnectedAtMs)],
    ['Last seen', at(s.lastSeenAtMs)],
    ['Session created', at(s.sessionCreatedAtMs)],
    ['Why it ended', reason(s.endReason)],
    ['Broker code', s.brokerCode && s.brokerCode !== NO_BROKER_CODE ? String(s.brokerCode) : ''],
    ['From', s.address ?? ''],
    ['Listener port', s.listenerPort ? String(s.listenerPort) : ''],
    ['Protocol', [s.protocolVersion, enumWords(s.transport, 'TRANSPORT_')].filter(Boolean).join(' over ')],
    ['User name', printable(s.username ?? '')],
    ['Clean start', s.cleanStart === undefined ? '' : s.cleanStart ? 'yes' : 'no'],
    ['Keepalive', s.online && connectKnown ? `${s.keepaliveS ?? 0} s` : ''],
    ['Silent death noticed', detection],
    ['Connections so far', s.connects ? String(s.connects) : ''],
    ['Incarnation', s.incarnation ?? ''],
  ];
  return rows.filter(([, value]) => value !== '');
}

function changeWords(change: Change): string {
  if (change.takenOver) return 'taken over by a newer connection of the same client';
  // By the self-audit or at the start: no event had told of it.
  const found = change.kind === 'CHANGE_KIND_REPAIRED' ? 'found ' : '';
  const why = reason(change.endReason);
  return found + stateWords(change.state) + (why && change.state !== 'SESSION_STATE_ONLINE' ? `, ${why}` : '');
}

function HistoryList({history}: {history: History}) {
  const entries = history.entries ?? [];
  if (history.disabled) return <SwitchedOff option="history_bytes_max" />;
  if (entries.length === 0) return <p class="dim">Nothing is remembered.</p>;
  return (
    <>
      <ol class="history">
        {entries.map((c) => (
          <li key={c.sequence}>
            <time>{at(c.timeMs)}</time>
            <span>{changeWords(c)}{c.address && <span class="dim"> · {c.address}</span>}</span>
          </li>
        ))}
      </ol>
      {history.droppedBeforeMs && <p class="dim">What happened before {at(history.droppedBeforeMs)} may be missing.</p>}
    </>
  );
}

// `changes` counts what the feed told of this client, and its gaps: whenever it grows, the server is
// asked again. In a fleet also every few seconds: of another broker's changes it tells nothing.
export function ClientDialog(props: {
  clientId: string;
  changes: number;
  trouble: ComponentChildren; // behind this dialog nobody would see it
  inFleet: boolean;
  polls: boolean;
  watched: boolean;
  onWatch: () => void;
  onClose: () => void;
}) {
  const {clientId, changes, inFleet, polls} = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [session, setSession] = useState<Session>();
  const [history, setHistory] = useState<History>();
  const [error, setError] = useState('');
  const [turn, setTurn] = useState(0);
  useEffect(() => dialog.current?.showModal(), []);
  useEffect(() => {
    let outdated = false;  // a later question may be answered first
    let timer = 0;
    Promise.all([service.query(clientId), service.history(clientId, HISTORY_SHOWN)]).then(
      ([known, past]) => {
        if (outdated) return;
        setSession(known);
        setHistory(past);
        setError('');
      },
      (e: unknown) => {
        if (!outdated) setError(e instanceof ServiceError ? e.message : String(e));
      }).then(() => {
      if (polls && !outdated) timer = window.setTimeout(() => setTurn((n) => n + 1), FLEET_POLL_INTERVAL_MS);
    });
    return () => {
      outdated = true;
      window.clearTimeout(timer);
    };
  }, [clientId, changes, polls, turn]);
  return (
    <dialog ref={dialog} aria-labelledby="client-title" onClose={props.onClose}>
      <div class="bar">
        <h2 id="client-title" class="id">{printable(clientId)}</h2>
        <span class="buttons">
          <button type="button" aria-pressed={props.watched} onClick={props.onWatch}>
            {props.watched ? '★ Watched' : '☆ Watch'}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>Close</button>
        </span>
      </div>
      {props.trouble ?? (error && <Notice kind="error">{error}</Notice>)}
      {session && (
        <>
          <p><StateMark state={session.state} /></p>
          <dl class="facts">
            {rowsOf(session, inFleet).map(([name, value]) => (
              <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
            ))}
          </dl>
        </>
      )}
      {history && (
        <>
          <h3>{inFleet ? 'History at this broker' : 'History'}{Number(history.flaps ?? 0) > 0 && `, ${flaps(Number(history.flaps))}`}</h3>
          <HistoryList history={history} />
        </>
      )}
    </dialog>
  );
}
