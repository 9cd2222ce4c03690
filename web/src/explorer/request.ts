// From the form to the request that goes over the wire, and back.
import {bodyOf} from './body';
import type {Operation} from './description';
import {canonicalQuery, type Pairs, sha256Hex, signV1, signV3} from './sign';

export type Scheme = 'unsigned' | 'v1' | 'v3';

export interface Input {
  operation: Operation;
  values: Record<string, string[]>; // by field; one element unless it is a list
  scheme: Scheme;
  method: 'GET' | 'POST';
  format: 'JSON' | 'XML';
  version: string;
  accessKeyId: string;
  secret: string;
  securityToken: string;
}

export interface Prepared {
  method: string;
  url: string; // path and query
  headers: Pairs;
  body: string | undefined;
  stringToSign: string;
  canonicalRequest: string;
}

export interface Answer {
  status: number;
  statusText: string;
  headers: Pairs;
  text: string;
  xml: XMLDocument | null; // of a whole reply in XML
  elapsedMs: number;
}

// Operation parameters as the API wants them: lists as Name.1 … Name.n, empty ones left out.
export function operationPairs({operation, values}: Input): Pairs {
  const pairs: Pairs = [];
  for (const field of operation.fields) {
    const given = values[field.name] ?? [];
    if (!field.list) {
      if (given[0]) pairs.push([field.name, given[0]]);
      continue;
    }
    given.filter((v) => v !== '').forEach((v, i) => pairs.push([`${field.name}.${i + 1}`, v]));
  }
  return pairs;
}

export function adminBody({operation, values}: Input): string {
  const body: Record<string, string | string[]> = {};
  for (const field of operation.fields) {
    const given = (values[field.name] ?? []).filter((v) => v !== '');
    if (given.length > 0) body[field.name] = field.list ? given : given[0]!;
  }
  return JSON.stringify(body);
}

const timestamp = () => new Date().toISOString().replace(/\.\d+Z$/, 'Z');
const nonce = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');

const unsignedParts = {stringToSign: '', canonicalRequest: ''};

function prepareAdmin(input: Input): Prepared {
  return {
    method: 'POST',
    url: input.operation.path,
    headers: [['Content-Type', 'application/json']],
    body: adminBody(input),
    ...unsignedParts,
  };
}

async function prepareV1(input: Input): Promise<Prepared> {
  const pairs: Pairs = [
    ...operationPairs(input),
    ['Action', input.operation.name],
    ['Version', input.version],
    ['Format', input.format],
  ];
  const unsigned = input.scheme === 'unsigned';
  if (!unsigned) {
    pairs.push(['AccessKeyId', input.accessKeyId], ['SignatureMethod', 'HMAC-SHA1'],
               ['SignatureVersion', '1.0'], ['SignatureNonce', nonce()], ['Timestamp', timestamp()]);
    if (input.securityToken) pairs.push(['SecurityToken', input.securityToken]);
  }
  const signed = unsigned ? undefined : await signV1(input.method, pairs, input.secret);
  const query = canonicalQuery(signed ? [...pairs, ['Signature', signed.signature]] : pairs);
  return {
    method: input.method,
    url: `/?${query}`,
    headers: [],
    body: undefined,
    ...unsignedParts,
    stringToSign: signed?.stringToSign ?? '',
  };
}

async function prepareV3(input: Input): Promise<Prepared> {
  const query: Pairs = operationPairs(input);
  if (input.format === 'XML') query.push(['Format', 'XML']);
  const bodyHash = await sha256Hex('');
  const headers: Pairs = [
    ['x-acs-action', input.operation.name],
    ['x-acs-version', input.version],
    ['x-acs-date', timestamp()],
    ['x-acs-signature-nonce', nonce()],
    ['x-acs-content-sha256', bodyHash],
  ];
  if (input.securityToken) {
    headers.push(['x-acs-accesskey-id', input.accessKeyId],
                 ['x-acs-security-token', input.securityToken]);
  }
  // The browser sends Host by itself; it is signed as it will be sent.
  const signed = await signV3(
    input.method, query, [['host', location.host], ...headers], bodyHash, input.secret);
  headers.push(['Authorization',
                `ACS3-HMAC-SHA256 Credential=${input.accessKeyId},` +
                `SignedHeaders=${signed.signedHeaders},Signature=${signed.signature}`]);
  return {
    method: input.method,
    url: `/?${canonicalQuery(query)}`,
    headers,
    body: undefined,
    stringToSign: signed.stringToSign,
    canonicalRequest: signed.canonicalRequest ?? '',
  };
}

export async function prepare(input: Input): Promise<Prepared> {
  if (input.operation.surface === 'admin') return prepareAdmin(input);
  return input.scheme === 'v3' ? prepareV3(input) : prepareV1(input);
}

function headersOf(call: XMLHttpRequest): Pairs {
  return call.getAllResponseHeaders().trimEnd().split('\r\n').map((line) => {
    const colon = line.indexOf(': ');
    return [line.slice(0, colon), line.slice(colon + 2)];
  });
}

// Not by fetch(): this one parses XML by itself. The page's policy lets no script make a document
// out of text, by DOMParser or otherwise.
export function send(request: Prepared): Promise<Answer> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest();
    call.open(request.method, request.url);
    for (const [name, value] of request.headers) call.setRequestHeader(name, value);
    call.onload = () => resolve({
      status: call.status,
      statusText: call.statusText,
      headers: headersOf(call),
      text: call.responseText,
      xml: call.responseXML as XMLDocument | null,
      elapsedMs: performance.now() - begin,
    });
    call.onerror = () => reject(new Error('nobody answers there, or the connection broke.'));
    call.send(request.body);
  });
}

export interface Problem {
  code: string;
  message: string;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '');

// The error in a reply of either surface, in JSON or XML.
export function problemIn(answer: Answer): Problem | undefined {
  if (answer.status < 400) return undefined;
  const body = bodyOf(answer) ?? {};
  return {code: textOf(body.Code ?? body.code), message: textOf(body.Message ?? body.message)};
}

// What the server signed, when it says so.
export function serverStringToSign(problem: Problem): string | undefined {
  const marker = 'server string to sign is:';
  const at = problem.message.indexOf(marker);
  return at < 0 ? undefined : problem.message.slice(at + marker.length);
}
