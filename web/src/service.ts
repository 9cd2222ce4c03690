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
}

export interface Counts {
  sessions?: StateCounts;
  endsByReason?: {reason?: string; count?: string}[];
  onlineByProtocol?: {protocolVersion?: string; online?: string}[];
  onlineByListener?: {listenerPort?: number; online?: string}[];
  groups?: {group?: string; sessions?: StateCounts}[];
  connects?: string;
  takeovers?: string;
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

async function call<Reply>(
  method: string,
  request: object,
  {signal, keepalive = false}: {signal?: AbortSignal | undefined; keepalive?: boolean} = {},
): Promise<Reply> {
  let response: Response;
  try {
    response = await fetch(SERVICE + method, {
      method: 'POST',
      headers: {'Content-Type': 'application/json'},
      body: JSON.stringify(request),
      signal: signal ?? null,
      keepalive,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ServiceError('unavailable', 'The broker does not answer.');
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    throw new ServiceError(body.code ?? 'unknown', body.message ?? `HTTP ${response.status}`);
  }
  return body as Reply;
}

export const service = {
  status: (signal?: AbortSignal) => call<ServerStatus>('GetServerStatus', {}, {signal}),
  counts: (signal?: AbortSignal) => call<Counts>('GetCounts', {}, {signal}),
  query: (clientId: string) => call<Session>('QuerySessionByClientId', {clientId}),
  history: (clientId: string, limit: number) =>
    call<History>('GetHistory', {clientId, limit}),
  flappers: (limit: number, signal?: AbortSignal) =>
    call<Flappers>('ListFlappers', {limit}, {signal}),
  audit: (signal?: AbortSignal) => call<Audit>('GetAudit', {}, {signal}),
  list: (request: ListRequest) => call<ListReply>('ListSessions', request),
  // No further page is wanted: the server keeps few listings. `keepalive`: outlives the page that asks.
  closeListing: (cursor: string, keepalive = false) =>
    void call('ListSessions', {cursor, closeCursor: true}, {keepalive})
      .catch(() => undefined),  // it ends by itself, later
};
