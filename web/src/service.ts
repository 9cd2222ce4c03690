// The admin service of the plugin, spoken as Connect unary calls in JSON. 64-bit numbers arrive as
// strings and members at their default are absent; the types below say so.

import type {Change} from './feed';

const SERVICE = '/mosquitto_session_status.v1.SessionStatusService/';

export type State =
  | 'SESSION_STATE_UNKNOWN'
  | 'SESSION_STATE_ONLINE'
  | 'SESSION_STATE_OFFLINE_SESSION_KEPT'
  | 'SESSION_STATE_OFFLINE';

export interface StateCounts {
  online?: string;
  offlineSessionKept?: string;
  offline?: string;
}

export interface ServerStatus {
  version?: string;
  broker?: string;
  instanceId?: string;
  startedAtMs?: string;
  uptimeMs?: string;
  sessions?: StateCounts;
  connects?: string;
  takeovers?: string;
  staleEvents?: string;
  sequence?: string;
  snapshot?: {sequence?: string; takenAtMs?: string; ageMs?: string};
  snapshotRefreshMs?: string;
  registryMemoryBytes?: string;
  fleet?: {node?: string};
}

export interface Counts {
  sessions?: StateCounts;
  endsByReason?: {reason?: string; count?: string}[];
  onlineByProtocol?: {protocolVersion?: string; online?: string}[];
  onlineByListener?: {listenerPort?: number; online?: string}[];
  groups?: {group?: string; sessions?: StateCounts}[];
  connects?: string;
  takeovers?: string;
  onlineElsewhere?: string; // in a fleet
}

export interface Session {
  clientId?: string;
  online?: boolean;
  state?: State;
  incarnation?: string;
  connectedAtMs?: string;
  lastSeenAtMs?: string;
  disconnectedAtMs?: string;
  sessionCreatedAtMs?: string;
  endReason?: string;
  brokerCode?: number;
  address?: string;
  listenerPort?: number;
  protocolVersion?: string;
  transport?: string;
  keepaliveS?: number;
  username?: string;
  cleanStart?: boolean;
  connects?: number;
  detectionBoundS?: number;
  silentDeathUndetected?: boolean;
  node?: string; // in a fleet: the one that the client is connected to
  source?: string;
}

export interface BatchReply {
  snapshot?: {sequence?: string};
  sessions?: {clientId?: string; online?: boolean; state?: State; node?: string}[]; // node: another than this one
  fleet?: {node?: string}; // that answered
}

export interface ListRequest {
  pageSize: number;
  cursor?: string;
  states?: State[];
  clientIdPrefix?: string;
  address?: string;
}

export interface ListReply {
  sessions?: Session[];
  nextCursor?: string;
  sequence?: string;
  takenAtMs?: string;
}

export interface History {
  entries?: Change[]; // newest first
  flaps?: string;
  droppedBeforeMs?: string;
  disabled?: boolean; // by option history_bytes_max
}

export interface Flapper {
  clientId?: string;
  flaps?: string;
  firstFlapMs?: string;
  lastFlapMs?: string;
  lastReason?: string;
  address?: string;
}

export interface Flappers {
  flappers?: Flapper[]; // the worst first
  flapsTotal?: string;
  disabled?: boolean; // by option flappers_max
}

export interface Audit {
  enabled?: boolean;
  seesBrokerTable?: boolean;
  passes?: string;
  lastPassAtMs?: string;
  checks?: string;
  repairedEnds?: string;
  repairedConnects?: string;
  repairs?: {timeMs?: string; clientId?: string; before?: State; after?: State}[]; // newest first
}

// A refusal by the service, or the network's (code "unavailable").
export class ServiceError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

// A broker that hangs, or a connection that stalls, answers nothing and ends nothing.
const ANSWER_TIME_MAX_MS = 5000;
// A filter may go through all sessions; and only the answer tells which cursor to close.
const LISTING_TIME_MAX_MS = 30_000;

interface CallOptions {
  signal?: AbortSignal | undefined;
  keepalive?: boolean;
  timeMaxMs?: number;
}

async function call<Reply>(
  method: string,
  request: object,
  {signal, keepalive = false, timeMaxMs = ANSWER_TIME_MAX_MS}: CallOptions = {},
): Promise<Reply> {
  const limit = AbortSignal.timeout(timeMaxMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(SERVICE + method, {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify(request),
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
      keepalive,
    });
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServiceError('unavailable', 'The broker does not answer.');
  }
  let body: {code?: string; message?: string} | undefined;
  try {
    body = JSON.parse(text);
  } catch {
    // of a proxy in between
  }
  if (!response.ok || !body) {
    throw new ServiceError(body?.code ?? 'unknown', body?.message ?? `HTTP ${response.status}`);
  }
  return body as Reply;
}

export const service = {
  status: (signal?: AbortSignal) => call<ServerStatus>('GetServerStatus', {}, {signal}),
  counts: (signal?: AbortSignal) => call<Counts>('GetCounts', {}, {signal}),
  query: (clientId: string) => call<Session>('QuerySessionByClientId', {clientId}),
  batch: (clientIds: string[], signal?: AbortSignal) =>
    call<BatchReply>('BatchQuerySessionByClientIds', {clientIds}, {signal}),
  history: (clientId: string, limit: number) =>
    call<History>('GetHistory', {clientId, limit}),
  flappers: (limit: number, signal?: AbortSignal) =>
    call<Flappers>('ListFlappers', {limit}, {signal}),
  audit: (signal?: AbortSignal) => call<Audit>('GetAudit', {}, {signal}),
  list: (request: ListRequest) =>
    call<ListReply>('ListSessions', request, {timeMaxMs: LISTING_TIME_MAX_MS}),
  // No further page is wanted: the server keeps few listings. `keepalive`: outlives the page that asks.
  closeListing: (cursor: string, keepalive = false) =>
    void call('ListSessions', {cursor, closeCursor: true}, {keepalive})
      .catch(() => undefined),  // it ends by itself, later
};
