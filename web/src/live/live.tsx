// The live view: how many, how fast, who, and why.
import {useEffect, useRef, useState} from 'preact/hooks';

import type {Change} from '../feed';
import {
  bytes, count, duration, flaps, printable, rate, reason, shortCount, state as stateWords, time,
} from '../format';
import {service, type ServiceError, type Session} from '../service';
import {ClientLink, Notice, StateMark, SwitchedOff} from '../ui';
import {Bars, LineChart, type Series} from './charts';
import {ClientDialog} from './client';
import {
  type Faults, type Figures, FLEET_POLL_INTERVAL_MS, type Memory, type Missed, repeat, useAwake,
  useFaults, useFeed, useFigures, useWatchList,
} from './data';
import {applyChange, SessionTable, type SessionTableHandle} from './sessions';

const ONLINE: Series[] = [{label: 'online', className: 'line-a', value: (s) => s.online}];
const RATES: Series[] = [
  {label: 'connects', className: 'line-a', value: (s) => s.connectsPerS},
  {label: 'ends', className: 'line-b', value: (s) => s.endsPerS},
  {label: 'takeovers', className: 'line-c', value: (s) => s.takeoversPerS},
];

// The reasons that made most of the ends shown, each with its own line; the rest in one.
const REASON_LINES = ['line-a', 'line-b', 'line-c', 'line-d'];

function reasonSeries({samples}: Figures): Series[] {
  const sums = new Map<string, number>();
  for (const sample of samples) {
    for (const [name, n] of Object.entries(sample.endsPerSByReason)) {
      if (n > 0) sums.set(name, (sums.get(name) ?? 0) + n);
    }
  }
  const ranked = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const own = ranked.length > REASON_LINES.length ? ranked.slice(0, REASON_LINES.length - 1) : ranked;
  const series = own.map((name, i): Series => ({
    label: reason(name) || 'unknown',
    className: REASON_LINES[i]!,
    value: (s) => s.endsPerSByReason[name] ?? 0,
  }));
  if (own.length === ranked.length) return series;
  const rest = ranked.slice(own.length);
  return [...series, {
    label: 'other reasons',
    className: REASON_LINES.at(-1)!,
    value: (s) => rest.reduce((sum, name) => sum + (s.endsPerSByReason[name] ?? 0), 0),
  }];
}

function Tile({label, value, help}: {label: string; value: string; help?: string}) {
  return (
    <div class="card tile">
      <dt>{label}</dt>
      <dd>{value}{help && <small>{help}</small>}</dd>
    </div>
  );
}

// How far the registry was from the truth, as its own audit found and mended it.
function AuditTile({faults}: {faults: Faults | undefined}) {
  if (!faults) return <Tile label="Audit drift" value="–" />;
  const {audit} = faults;
  if (!audit.enabled) return <Tile label="Audit drift" value="off" help="see audit_period" />;
  const repaired = Number(audit.repairedEnds ?? 0) + Number(audit.repairedConnects ?? 0);
  return <Tile label="Audit drift" value={count(repaired)}
               help={`repaired, in ${shortCount(Number(audit.checks ?? 0))} checks`} />;
}

function Tiles({figures: {status, counts}, faults}: {figures: Figures; faults: Faults | undefined}) {
  const n = (text: string | undefined) => count(Number(text ?? 0));
  const refresh = Number(status.snapshotRefreshMs ?? 0);
  return (
    <dl class="tiles">
      <Tile label="Online" value={n(counts.sessions?.online)}
            help={status.fleet ? `+ ${n(counts.onlineElsewhere)} on other brokers` : ''} />
      <Tile label="Session kept" value={n(counts.sessions?.offlineSessionKept)} help="offline, session held" />
      <Tile label="Offline" value={n(counts.sessions?.offline)} help="remembered" />
      <Tile label="Takeovers" value={n(counts.takeovers)} help="since the start" />
      <Tile label="Snapshot age" value={duration(Number(status.snapshot?.ageMs ?? 0))}
            help={`refreshed every ${duration(refresh)}`} />
      <AuditTile faults={faults} />
      <Tile label="Changes" value={n(status.sequence)} help={`${n(status.staleEvents)} events were stale`} />
    </dl>
  );
}

function Breakdown({figures: {counts}}: {figures: Figures}) {
  const number = (text: string | undefined) => Number(text ?? 0);
  return (
    <div class="grid3">
      <Bars title="Why connections ended" empty="None ended yet." bars={(counts.endsByReason ?? []).map((r) => ({
        label: reason(r.reason) || 'unknown', value: number(r.count)}))} />
      <Bars title="Online by protocol" empty="Nobody is online." bars={(counts.onlineByProtocol ?? []).map((p) => ({
        label: p.protocolVersion || 'not known', value: number(p.online)}))} />
      <Bars title="Online by listener" empty="Nobody is online." bars={(counts.onlineByListener ?? []).map((l) => ({
        label: l.listenerPort ? `port ${l.listenerPort}` : 'not known', value: number(l.online)}))} />
    </div>
  );
}

// By the self-audit or at the start, in what the broker or a store holds: no event had told of it.
function foundText(change: Change): string {
  if (change.state === 'SESSION_STATE_OFFLINE_SESSION_KEPT') return 'was found offline, session kept';
  return `was found ${stateWords(change.state)}`;
}

function changeText(change: Change): string {
  if (change.takenOver) return 'took over its own connection';
  if (change.kind === 'CHANGE_KIND_REPAIRED') return foundText(change);
  return {
    CHANGE_KIND_ONLINE: 'came online',
    CHANGE_KIND_OFFLINE: 'went offline',
    CHANGE_KIND_SESSION_KEPT: 'went offline, session kept',
    CHANGE_KIND_SESSION_GONE: 'lost its kept session',
  }[change.kind ?? ''] ?? 'changed';
}

function following(memory: Memory, fresh: boolean, error: ServiceError | undefined): string {
  if (memory.connected && fresh) return 'following live';
  return memory.connected && error ? 'no answer' : 'connecting …';
}

function ChangeItem({change: c, onOpen}: {change: Change; onOpen: (id: string) => void}) {
  return (
    <li>
      <time>{c.timeMs && time(Number(c.timeMs))}</time>
      <ClientLink id={c.clientId ?? ''} onOpen={onOpen} />
      <span>{changeText(c)}{reason(c.endReason) && `: ${reason(c.endReason)}`}</span>
    </li>
  );
}

function MissedItem({missed}: {missed: Missed}) {
  return (
    <li class="missed">
      <time>{time(missed.noticedMs)}</time>
      <span>{missed.restarted
        ? 'The broker was started anew: what happened meanwhile is not in this list.'
        : 'Changes were missed: they are not in this list.'}</span>
    </li>
  );
}

function Activity({memory, status, onOpen}: {
  memory: Memory;
  status: string;
  onOpen: (id: string) => void;
}) {
  return (
    <section class="card">
      <div class="bar">
        <h2>Activity</h2>
        <span class="dim" role="status">{status}</span>
      </div>
      {memory.activity.length === 0 && <p class="dim">Nothing has happened since this page was opened.</p>}
      <ol class="activity">
        {memory.activity.slice(0, 12).map((a) => ('missed' in a
          ? <MissedItem key={a.key} missed={a.missed} />
          : <ChangeItem key={a.key} change={a.change} onOpen={onOpen} />))}
      </ol>
    </section>
  );
}

function Flapping({faults, onOpen}: {faults: Faults | undefined; onOpen: (id: string) => void}) {
  const {flappers = [], disabled} = faults?.flapping ?? {};
  return (
    <section class="card" aria-labelledby="flapping-title">
      <h2 id="flapping-title">Flapping</h2>
      {disabled && <SwitchedOff option="flappers_max" />}
      {faults && !disabled && flappers.length === 0 && (
        <p class="dim">No connection has broken or been taken over.</p>
      )}
      <ol class="flappers">
        {flappers.map((f) => (
          <li key={f.clientId}>
            <ClientLink id={f.clientId ?? ''} onOpen={onOpen} />
            <span>{flaps(Number(f.flaps ?? 0))}</span>
            <span class="dim">last {time(Number(f.lastFlapMs ?? 0))}, {reason(f.lastReason)}{f.address && `, ${f.address}`}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

// In a fleet: who holds the client.
function Place({session}: {session: Session | undefined}) {
  if (!session?.online || !session.node) return null;
  return <span class="dim">at {printable(session.node)}</span>;
}

function WatchList(props: {
  ids: string[];
  sessions: Map<string, Session>;
  onOpen: (id: string) => void;
  onWatch: (id: string) => void;
}) {
  if (props.ids.length === 0) return null;
  return (
    <section class="card" aria-labelledby="watch-title">
      <h2 id="watch-title">Watch list</h2>
      <ul class="watch" aria-live="polite">
        {props.ids.map((id) => (
          <li key={id}>
            <button type="button" class="star" aria-pressed={true} aria-label={`Watch ${printable(id)}`}
                    onClick={() => props.onWatch(id)}>★</button>
            <ClientLink id={id} onOpen={props.onOpen} />
            <StateMark state={props.sessions.get(id)?.state} />
            <Place session={props.sessions.get(id)} />
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Watched {
  sessions: Map<string, Session>;
  apply(changes: Change[]): void;
  reload(): void;
}

// `polls`: in a fleet, which tells of its changes elsewhere to none but those who ask.
function useWatched(ids: string[], inFleet: boolean, polls: boolean): Watched {
  const told = useRef(new Map<string, bigint>());  // sequence of the last change of a member, here
  const [sessions, setSessions] = useState(new Map<string, Session>());
  const [reloads, setReloads] = useState(0);
  const key = ids.join('\n');
  const ask = (asked: Iterable<string>, wanted: () => boolean) => {
    for (const id of asked) {
      service.query(id).then(
        (session) => { if (wanted()) setSessions((m) => new Map(m).set(id, session)); },
        () => undefined);  // shown as unknown
    }
  };
  useEffect(() => {
    let outdated = false;  // a later question may be answered first
    ask(ids, () => !outdated);
    return () => { outdated = true; };
  }, [key, reloads]);
  useEffect(() => {
    if (!polls || ids.length === 0) return undefined;
    return repeat(FLEET_POLL_INTERVAL_MS, async (signal) => {
      try {
        const reply = await service.batch(ids, signal);
        const cut = BigInt(reply.snapshot?.sequence ?? 0);
        // What happened here after that snapshot has been asked for already.
        const known = (reply.sessions ?? []).filter((s) => (told.current.get(s.clientId ?? '') ?? 0n) <= cut);
        if (signal.aborted) return;
        setSessions((m) => {
          const next = new Map(m);
          for (const {clientId = '', node, ...s} of known) {
            next.set(clientId, {clientId, ...s, node: node || (reply.fleet?.node ?? '')});
          }
          return next;
        });
      } catch {
        // as it was; useFigures tells
      }
    });
  }, [key, polls]);
  const apply = (changes: Change[]) => {
    const ours = changes.filter((c) => ids.includes(c.clientId ?? ''));
    if (ours.length === 0) return;
    if (inFleet) {
      // Who left this broker may be at another one.
      for (const c of ours) told.current.set(c.clientId!, BigInt(c.sequence ?? 0));
      ask(new Set(ours.map((c) => c.clientId!)), () => true);
      return;
    }
    setSessions((m) => {
      const next = new Map(m);
      for (const c of ours) next.set(c.clientId!, applyChange(next.get(c.clientId!) ?? {}, c));
      return next;
    });
  };
  const reload = () => {
    told.current.clear();  // a broker that restarted numbers anew
    setReloads((n) => n + 1);
  };
  return {sessions, apply, reload};
}

function Footer({figures: {status, samples}}: {figures: Figures}) {
  const last = samples.at(-1);
  return (
    <p class="dim footer">
      Plugin {status.version} in {status.broker}, instance {status.instanceId}, up{' '}
      {duration(Number(status.uptimeMs ?? 0))}, registry {bytes(Number(status.registryMemoryBytes ?? 0))},{' '}
      {last && `${rate(last.connectsPerS)} connects and ${rate(last.endsPerS)} ends per second, `}
      {shortCount(Number(status.connects ?? 0))} connects in all.
    </p>
  );
}

// Where plain HTTP answers with sessions: this port, unless the page came over TLS.
const LOCAL_PORT = (location.protocol === 'http:' && location.port) || '18080';

function Trouble({error, figures}: {error: ServiceError; figures: Figures | undefined}) {
  const refused = error.code === 'permission_denied' || error.code === 'unauthenticated';
  const asOf = figures && `What is shown is as of ${time(figures.atMs)}.`;
  return (
    <Notice kind="error">
      {refused
        ? <>
            <p>This listener does not show you sessions: {error.message}.</p>
            <p>Open the page, for example, as http://127.0.0.1:{LOCAL_PORT}/ on the broker's machine,
              through an SSH tunnel to it, or with a client certificate. {asOf}</p>
          </>
        : figures ? `No new figures: ${error.message} ${asOf}` : `No figures: ${error.message}`}
    </Notice>
  );
}

export function Live() {
  const awake = useAwake();
  const {figures, error, fresh} = useFigures(awake);
  const inFleet = figures?.status.fleet !== undefined;
  const table = useRef<SessionTableHandle>(null);
  const [watched, toggleWatched] = useWatchList();
  const watchedSessions = useWatched(watched, inFleet, inFleet && awake);
  const [open, setOpen] = useState<string>();
  const faults = useFaults(awake);
  const [openChanges, setOpenChanges] = useState(0);
  const memory = useFeed(awake, figures, {
    onChanges(changes) {
      if (changes.some((c) => c.clientId === open)) setOpenChanges((n) => n + 1);
      table.current?.apply(changes);
      watchedSessions.apply(changes);
    },
    onGap() {
      setOpenChanges((n) => n + 1);
      watchedSessions.reload();
      table.current?.reload();
    },
  });
  const answered = error === undefined;
  const wasAnswered = useRef(true);
  useEffect(() => {
    // What could not be loaded meanwhile. A feed that was not interrupted goes on as if nothing had been.
    if (answered && !wasAnswered.current) {
      setOpenChanges((n) => n + 1);
      watchedSessions.reload();
      table.current?.retry();
    }
    wasAnswered.current = answered;
  }, [answered]);
  const trouble = error && <Trouble error={error} figures={figures} />;
  return (
    <>
      <h1 class="visually-hidden">Live view</h1>
      <div class="trouble">{trouble}</div>
      {figures && <Tiles figures={figures} faults={faults} />}
      {figures && (
        <div class="grid3">
          <LineChart title="Clients online" samples={figures.samples} series={ONLINE} unit="" />
          <LineChart title="Comings and goings" samples={figures.samples} series={RATES} unit="/s" />
          <LineChart title="Ends by reason" samples={figures.samples} series={reasonSeries(figures)} unit="/s" />
        </div>
      )}
      {figures && <Breakdown figures={figures} />}
      <WatchList ids={watched} sessions={watchedSessions.sessions} onOpen={setOpen} onWatch={toggleWatched} />
      <SessionTable ref={table} node={figures?.status.fleet?.node} watched={watched} onWatch={toggleWatched} onOpen={setOpen} />
      <div class="grid2">
        <Activity memory={memory} status={following(memory, fresh, error)} onOpen={setOpen} />
        <Flapping faults={faults} onOpen={setOpen} />
      </div>
      {figures && <Footer figures={figures} />}
      {open !== undefined && (
        <ClientDialog key={open} clientId={open} changes={openChanges} trouble={trouble}
                      inFleet={inFleet} polls={inFleet && awake}
                      watched={watched.includes(open)} onWatch={() => toggleWatched(open)}
                      onClose={() => setOpen(undefined)} />
      )}
    </>
  );
}
