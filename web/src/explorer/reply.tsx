// The right side of the explorer: what came back, what was sent, what it means.
import {useState} from 'preact/hooks';

import {printable} from '../format';
import {Code, Notice, StateMark, Tabs} from '../ui';
import {type Body, bodyOf} from './body';
import {type Description, type DocumentedError, findError, type Operation} from './description';
import {
  type Answer, type Prepared, type Problem, problemIn, type Scheme, serverStringToSign,
} from './request';

export interface Exchange {
  number: number; // of the call, since the page was opened
  operation: Operation;
  scheme: Scheme;
  request: Prepared;
  answer: Answer;
}

const TABS = [
  {id: 'parsed', label: 'Answer'},
  {id: 'raw', label: 'Raw reply'},
  {id: 'request', label: 'Request'},
];

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

interface Row {
  id: string;
  state: string | undefined;
  detail: string;
}

const stateOf = (online: unknown) =>
  online === true ? 'SESSION_STATE_ONLINE' : 'SESSION_STATE_OFFLINE';

function rowsOf(body: Body): Row[] {
  if (Array.isArray(body.OnlineStatusList)) {
    return body.OnlineStatusList.map((e: {ClientId: string; OnlineStatus: boolean}) => ({
      id: e.ClientId, state: stateOf(e.OnlineStatus), detail: ''}));
  }
  if (Array.isArray(body.sessions)) {
    return body.sessions.map((e: {clientId: string; state?: string; error?: {message: string}}) => ({
      id: e.clientId, state: e.state, detail: e.error?.message ?? ''}));
  }
  if (typeof body.OnlineStatus === 'boolean') {
    return [{id: 'this client', state: stateOf(body.OnlineStatus), detail: ''}];
  }
  if (typeof body.clientId === 'string') {
    return [{id: body.clientId, state: body.state as string | undefined, detail: ''}];
  }
  return [];
}

function Parsed({answer, operation}: Pick<Exchange, 'answer' | 'operation'>) {
  const body = bodyOf(answer, operation.replySchema);
  if (!body) return <Code label="Reply" text={answer.text} />;
  const rows = rowsOf(body);
  const facts = Object.entries(body).filter(([, v]) => typeof v !== 'object');
  return (
    <>
      {rows.length > 0 && (
        <table class="answers">
          <thead><tr><th scope="col">Client</th><th scope="col">State</th></tr></thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                <th scope="row" class="id">{printable(row.id)}</th>
                <td>{row.detail || <StateMark state={row.state} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}><dt>{name}</dt><dd class="id">{printable(String(value))}</dd></div>
        ))}
      </dl>
    </>
  );
}

// Where two strings part, for a signature that does not match.
function Difference({ours, theirs}: {ours: string; theirs: string}) {
  if (ours === theirs) {
    return <p><b>Here:</b> the server signed the same string as this page, so the secret is wrong.</p>;
  }
  let at = 0;
  while (at < ours.length && ours[at] === theirs[at]) at += 1;
  return (
    <p>
      <b>Here:</b> the strings part at character {at + 1}: this page signed{' '}
      <code>…{ours.slice(at, at + 40)}</code>, the server read <code>…{theirs.slice(at, at + 40)}</code>.
    </p>
  );
}

// The one mistake that everybody makes first.
const needsKey = (problem: Problem, scheme: Scheme) =>
  scheme === 'unsigned' && problem.code === 'MissingAccessKeyId';

function Explained({problem, documented, exchange: {request, scheme}}: {
  problem: Problem;
  documented: DocumentedError | undefined;
  exchange: Exchange;
}) {
  const theirs = serverStringToSign(problem);
  return (
    <Notice kind="error">
      <h3>{problem.code || 'No answer of this API'}</h3>
      <p class="id">{problem.message || 'The reply is not an error body of the service.'}</p>
      {theirs !== undefined && request.stringToSign && (
        <Difference ours={request.stringToSign} theirs={theirs} />
      )}
      {needsKey(problem, scheme) ? (
        <p><b>What to do:</b> This server answers signed calls only. Choose a signature in the form and fill in an access key.</p>
      ) : documented?.remedy && <p><b>What to do:</b> {documented.remedy}</p>}
      {documented && <p class="dim">Documented as <code>{documented.code}</code>, HTTP {documented.status}.</p>}
    </Notice>
  );
}

function RawRequest({request}: {request: Prepared}) {
  const lines = [
    `${request.method} ${request.url} HTTP/1.1`,
    `Host: ${location.host}`,
    ...request.headers.map(([n, v]) => `${n}: ${v}`),
  ];
  return (
    <>
      <Code label="Request sent" text={`${lines.join('\n')}\n\n${request.body ?? ''}`.trimEnd()} />
      {request.canonicalRequest && (
        <><h3>Canonical request</h3><Code label="Canonical request" text={request.canonicalRequest} /></>
      )}
      {request.stringToSign && (
        <><h3>String to sign</h3><Code label="String to sign" text={request.stringToSign} /></>
      )}
    </>
  );
}

const header = (answer: Answer, name: string) => answer.headers.find(([n]) => n === name)?.[1];

// x-session-status-age-ms of the documented API, snapshot.ageMs of the admin service.
function ageOf(answer: Answer): string | undefined {
  const fromHeader = answer.headers.find(([n]) => n === 'x-session-status-age-ms')?.[1];
  if (fromHeader) return fromHeader;
  return /"ageMs":"(\d+)"/.exec(answer.text)?.[1];
}

export function ReplyPanel({exchange, description}: {exchange: Exchange; description: Description}) {
  const [tab, setTab] = useState('parsed');
  const {answer, request, operation} = exchange;
  const problem = problemIn(answer);
  const age = ageOf(answer);
  return (
    <section class="card" aria-labelledby="reply-title">
      <div class="bar">
        <h2 id="reply-title">Reply</h2>
        <span role="status" class={`status ${answer.status < 400 ? 'good' : 'bad'}`}>
          {answer.status} {answer.statusText}
        </span>
        <span class="dim">Call {exchange.number}, {answer.elapsedMs.toFixed(1)} ms{age && `, snapshot ${age} ms old`}</span>
      </div>
      <Tabs label="Reply views" tabs={TABS} active={tab} onChange={setTab}>
        {tab === 'parsed' && (problem
          ? <Explained problem={problem} exchange={exchange}
                       documented={findError(description.errors[operation.surface], problem.code, answer.status)} />
          : <Parsed answer={answer} operation={operation} />)}
        {tab === 'raw' && (
          <>
            <Code label="Reply headers" text={[`HTTP/1.1 ${answer.status} ${answer.statusText}`,
              ...answer.headers.map(([n, v]) => `${n}: ${v}`)].join('\n')} />
            <Code label="Reply body"
                  text={header(answer, 'content-type')?.includes('json') ? pretty(answer.text) : answer.text} />
          </>
        )}
        {tab === 'request' && <RawRequest request={request} />}
      </Tabs>
    </section>
  );
}
