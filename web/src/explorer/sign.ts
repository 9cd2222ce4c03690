// The two signing schemes of the documented API, by Web Crypto. The secret is used here and kept
// nowhere.
//
//   V1: query parameters, HMAC-SHA1, base64.     V3: headers, ACS3-HMAC-SHA256, hex.

export type Pairs = [name: string, value: string][];

const encoder = new TextEncoder();

// RFC 3986: only A-Z a-z 0-9 - _ . ~ stay.
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const byteOrder = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

// name=value&…, encoded, in byte order of the names (all of them ASCII).
export function canonicalQuery(pairs: Pairs): string {
  return [...pairs]
    .sort(([a], [b]) => byteOrder(a, b))
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .join('&');
}

const hex = (bytes: ArrayBuffer) =>
  [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, '0')).join('');

async function hmac(hash: 'SHA-1' | 'SHA-256', key: string, text: string): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey(
    'raw', encoder.encode(key), {name: 'HMAC', hash}, false, ['sign']);
  return crypto.subtle.sign('HMAC', imported, encoder.encode(text));
}

export async function sha256Hex(text: string): Promise<string> {
  return hex(await crypto.subtle.digest('SHA-256', encoder.encode(text)));
}

export interface Signed {
  signature: string;
  stringToSign: string;
  canonicalRequest?: string; // V3
}

// `pairs`: every parameter but Signature, of query and form body together.
export async function signV1(method: string, pairs: Pairs, secret: string): Promise<Signed> {
  const stringToSign = `${method}&%2F&${percentEncode(canonicalQuery(pairs))}`;
  const mac = await hmac('SHA-1', `${secret}&`, stringToSign);
  return {signature: btoa(String.fromCharCode(...new Uint8Array(mac))), stringToSign};
}

// `headers`: all that are signed, names in lower case, x-acs-content-sha256 among them.
export async function signV3(
  method: string,
  query: Pairs,
  headers: Pairs,
  bodyHash: string,
  secret: string,
): Promise<Signed & {signedHeaders: string}> {
  const sorted = [...headers].sort(([a], [b]) => byteOrder(a, b));
  const signedHeaders = sorted.map(([name]) => name).join(';');
  const canonicalRequest = [
    method,
    '/',
    canonicalQuery(query),
    sorted.map(([name, value]) => `${name}:${value.trim()}\n`).join(''),
    signedHeaders,
    bodyHash,
  ].join('\n');
  const stringToSign = `ACS3-HMAC-SHA256\n${await sha256Hex(canonicalRequest)}`;
  const signature = hex(await hmac('SHA-256', secret, stringToSign));
  return {signature, stringToSign, canonicalRequest, signedHeaders};
}

// Web Crypto exists only where the browser trusts the connection.
export const canSign = () => globalThis.crypto?.subtle !== undefined;
