// One client: everything that is known, and what this page saw of it.
import {useEffect, useRef, useState} from 'preact/hooks';

import type {Change} from '../feed';
import {enumWords, reason, state as stateWords, time} from '../format';
import {service, ServiceError, type Session} from '../service';
import {Notice, StateMark} from '../ui';

const at = (ms: string | undefined) => (ms ? time(Number(ms)) : '');

function rowsOf(s: Session): [string, string][] {
  const detection = s.silentDeathUndetected
    ? 'never: the client asked for no keepalive'
    : s.detectionBoundS ? `within ${s.detectionBoundS} s` : '';
  const rows: [string, string][] = [
    ['Connected at', at(s.connectedAtMs)],
    ['Disconnected at', at(s.disconnectedAtMs)],
    ['Last seen', at(s.lastSeenAtMs)],
    ['Session created', at(s.sessionCreatedAtMs)],
    ['Why it ended', reason(s.endReason)],
    ['Broker code', s.brokerCode ? String(s.brokerCode) : ''],
    ['From', s.address ?? ''],
    ['Listener port', s.listenerPort ? String(s.listenerPort) : ''],
    ['Protocol', [s.protocolVersion, enumWords(s.transport, 'TRANSPORT_')].filter(Boolean).join(' over ')],
    ['User name', s.username ?? ''],
    ['Clean start', s.cleanStart === undefined ? '' : s.cleanStart ? 'yes' : 'no'],
    ['Keepalive', s.online ? `${s.keepaliveS ?? 0} s` : ''],
    ['Silent death noticed', detection],
    ['Connections so far', s.connects ? String(s.connects) : ''],
    ['Incarnation', s.incarnation ?? ''],
  ];
  return rows.filter(([, value]) => value !== '');
}

function changeWords(change: Change): string {
  if (change.takenOver) return 'taken over by a newer connection';
  const why = reason(change.endReason);
  return stateWords(change.state) + (why && change.state !== 'SESSION_STATE_ONLINE' ? `, ${why}` : '');
}

export function ClientDialog(props: {
  clientId: string;
  changes: Change[];
  watched: boolean;
  onWatch: () => void;
  onClose: () => void;
}) {
  const {clientId, changes} = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [session, setSession] = useState<Session>();
  const [error, setError] = useState('');
  useEffect(() => dialog.current?.showModal(), []);
  // Asked again whenever the feed tells of a change.
  useEffect(() => {
    service.query(clientId).then(setSession, (e: unknown) =>
      setError(e instanceof ServiceError ? e.message : String(e)));
  }, [clientId, changes.length]);
  return (
    <dialog ref={dialog} aria-labelledby="client-title" onClose={props.onClose}>
      <div class="bar">
        <h2 id="client-title" class="id">{clientId}</h2>
        <span class="buttons">
          <button type="button" aria-pressed={props.watched} onClick={props.onWatch}>
            {props.watched ? '★ Watched' : '☆ Watch'}
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>Close</button>
        </span>
      </div>
      {error && <Notice kind="error">{error}</Notice>}
      {session && (
        <>
          <p><StateMark state={session.state} /></p>
          <dl class="facts">
            {rowsOf(session).map(([name, value]) => (
              <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
            ))}
          </dl>
        </>
      )}
      <h3>Since this page was opened</h3>
      {changes.length === 0 ? <p class="dim">Nothing happened.</p> : (
        <ol class="history">
          {[...changes].reverse().map((c) => (
            <li key={c.sequence}><time>{at(c.timeMs)}</time> {changeWords(c)}</li>
          ))}
        </ol>
      )}
    </dialog>
  );
}
