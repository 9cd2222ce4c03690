// Every error class of the documented API, met in the explorer: shown with its code and status, and
// explained as /openapi.json documents it.
//
// What a person can do wrong is done in the form. What only a broken caller does is done to the
// page's own request on its way to the broker. Three servers see to the rest: brokers with other
// options, and the test server of tests/openapi, which can fail by itself.
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {connect} from 'node:net';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {after, before, test} from 'node:test';

import {INSTANCE, key, SECURED, SECURED_FILES, strangersKey, temporaryKey} from './access.mjs';
import {Broker, waitFor} from './broker.mjs';
import {Browser} from './browser.mjs';
import {API, BATCH, Explorer, QUERY} from './explorer.mjs';

let local;
let secured;
let strict;   // one call a second, gateway errors, a hundredth of a second for a body
let faulty;   // tests/openapi/interop_server.cc
let browser;
let documented;
before(async () => {
  local = await Broker.start({options: [['instance_id', INSTANCE], ['listener_body_timeout', '100ms'],
                                        ['api_require_tls', 'true']]});
  secured = await Broker.start({options: SECURED, files: SECURED_FILES});
  strict = await Broker.start({files: SECURED_FILES, options: [
    ...SECURED, ['api_gateway_errors', 'true'], ['api_batch_calls_per_second', '1'],
    ['api_address_calls_per_second', '2']]});
  faulty = await startTestServer();
  browser = await Browser.launch();
  documented = (await (await fetch(`${local.origin}/openapi.json`)).json())['x-errors'].openapi;
});
after(async () => {
  await browser?.close();
  if (faulty) {
    faulty.child.stdin.end();
    await new Promise((resolve) => faulty.child.once('exit', resolve));
  }
  for (const broker of [local, secured, strict]) await broker?.stop();
});

async function startTestServer() {
  const file = (name) => join(secured.dir, name);
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
    '-days', '2', '-subj', '/CN=test', '-keyout', file('key.pem'), '-out', file('cert.pem')], {stdio: 'ignore'});
  const child = spawn(process.env.SERVER, [file('access.json'), file('usage.db'), file('cert.pem'), file('key.pem')],
    {stdio: ['pipe', 'pipe', 'inherit']});
  const {value} = await createInterface({input: child.stdout})[Symbol.asyncIterator]().next();
  const {http, expired} = JSON.parse(value);
  return {child, origin: `http://127.0.0.1:${http}`,
          expired: {id: expired.AccessKeyId, secret: expired.AccessKeySecret, token: expired.SecurityToken}};
}

// What is done to the page's request between page and broker; `fulfil` answers in the broker's place.
async function onTheWay(explorer, change) {
  await explorer.page.route(/[?]/, async (route) => {
    const request = route.request();
    const asked = {url: request.url(), method: request.method(), headers: await request.allHeaders()};
    const answer = await change(asked, route);
    if (answer) await route.fulfill(answer);
  });
}
const replaced = (from, to) => (explorer) =>
  onTheWay(explorer, async (asked, route) => {
    const url = asked.url.replace(from, to);
    assert.notEqual(url, asked.url, `${from} is in the request`);
    await route.continue({url});
  });
const elsewhere = (server) => (explorer) =>
  onTheWay(explorer, async (asked, route) => {
    const url = server().origin + new URL(asked.url).pathname + new URL(asked.url).search;
    return {response: await route.fetch({url})};
  });

// A request as bytes, and the reply to it: what no browser sends.
const raw = (bytes) => (explorer) =>
  onTheWay(explorer, (asked) => new Promise((resolve, reject) => {
    const {hostname, port, search} = new URL(asked.url);
    const socket = connect(Number(port), hostname, () => socket.write(bytes.replace('{TARGET}', `/${search}`)));
    let text = '';
    const done = () => {
      const [head, body] = text.split('\r\n\r\n');
      const length = Number(/^content-length: (\d+)/im.exec(head ?? '')?.[1] ?? -1);
      if (body === undefined || Buffer.byteLength(body) < length) return false;
      socket.destroy();
      resolve({status: Number(head.split(' ')[1]), contentType: 'application/json', body});
      return true;
    };
    socket.on('data', (data) => { text += data; done(); });
    socket.on('end', () => done() || reject(new Error(`cut off: ${text}`)));
    socket.on('error', reject);
  }));

// The reply that the table of errors gives for a state no test can bring a whole broker into.
const answered = (code) => (explorer) =>
  onTheWay(explorer, () => {
    const {status, message} = documented.find((error) => error.code === code);
    return {status, contentType: 'application/json;charset=utf-8', body: JSON.stringify({
      RequestId: '3E26E544-D4BF-479F-A45B-188FC5752EE4', HostId: '127.0.0.1', Code: code, Message: message})};
  });

// Playwright's own clock would be slow for all pages.
const slowClock = (explorer) => explorer.page.evaluate(() => {
  const RealDate = Date;
  window.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length > 0 ? given : [RealDate.now() - 16 * 60_000]));
    }
  };
});

const signed = (name, scheme = 'V1') => (explorer) => explorer.sign(scheme, key(name));
const ids = (...list) => (explorer) => explorer.ids(...list);
const single = (id) => async (explorer) => {
  await explorer.pick(API, QUERY);
  await explorer.field('ClientId', id);
};
const steps = (...all) => async (explorer) => {
  for (const step of all) await step(explorer);
};

// Row of the documented table, code on the wire, the server, what goes wrong.
const CASES = [
  ['CheckAccountInfoFailed', null, () => secured,
   steps(ids('x'), (e) => e.sign('V1', strangersKey(secured)))],
  ['InstancePermissionCheckFailed', null, () => secured,
   steps(ids('x'), signed('reader'), (e) => e.field('InstanceId', 'post-cn-else'))],
  ['ParameterCheckFailed', null, () => secured, signed('reader')],  // no identifier
  ['PermissionCheckFailed', null, () => secured, steps(single('x'), signed('batcher'))],
  ['InvalidParameter.%s', 'InvalidParameter.ClientIdList', () => local,
   steps(ids('x', 'y'), replaced('ClientIdList.2=y', 'ClientIdList.2='))],
  ['InternalError', null, () => secured, steps(single('throw'), signed('reader'), elsewhere(() => faulty))],
  ['SystemOverFlow', null, () => secured,
   steps(single('x'), signed('reader'), (e) => e.field('InstanceId', 'post-cn-overflow'), elsewhere(() => faulty))],
  ['ApiNotSupport', null, () => local, steps(ids('x'), replaced(`Action=${BATCH}`, 'Action=ApplyToken'))],
  ['InvalidApi.NotFound', null, () => local, steps(ids('x'), replaced(`Action=${BATCH}`, 'Action=batchquery'))],
  ['InvalidVersion', null, () => local, steps(ids('x'), replaced('Version=2020-04-20', 'Version=1999-12-31'))],
  ['Missing%s', 'MissingAccessKeyId', () => secured, ids('x')],
  ['Invalid%s', 'InvalidSignatureVersion', () => secured,
   steps(ids('x'), signed('reader'), replaced('SignatureVersion=1.0', 'SignatureVersion=9'))],
  ['InvalidParameter.Format', null, () => local, steps(ids('x'), replaced('Format=JSON', 'Format=YAML'))],
  ['UnsupportedHTTPMethod', null, () => local,
   steps(ids('x'), (e) => onTheWay(e, (_, route) => route.continue({method: 'PUT'})))],
  ['InvalidAccessKeyId.NotFound', null, () => secured, steps(ids('x'), signed('nobody-knows-me'))],
  ['InvalidAccessKeyId.Inactive', null, () => secured, steps(ids('x'), signed('inactive', 'V3'))],
  ['InvalidTimeStamp.Format', null, () => secured,
   steps(ids('x'), signed('reader'), replaced(/Timestamp=[^&]+/, 'Timestamp=yesterday'))],
  ['InvalidTimeStamp.Expired', null, () => secured,
   steps(ids('x'), signed('reader'), slowClock)],
  ['SignatureNonceUsed', null, () => secured, steps(ids('x'), signed('reader'), (e) =>
    onTheWay(e, async (_, route) => {
      assert.equal((await route.fetch()).status(), 200);
      return {response: await route.fetch()};
    }))],
  ['InvalidSignatureMethod', null, () => secured,
   steps(ids('x'), signed('reader'), replaced('SignatureMethod=HMAC-SHA1', 'SignatureMethod=HMAC-MD5'))],
  ['SignatureDoesNotMatch', null, () => secured,
   steps(ids('x'), (e) => e.sign('V3', {...key('reader'), secret: 'another secret'}))],
  ['IncompleteSignature', null, () => secured, steps(ids('x'), signed('reader', 'V3'), (e) =>
    onTheWay(e, (asked, route) => route.continue({headers: {...asked.headers, 'x-acs-unsigned': '1'}})))],
  ['MissingSecurityToken', null, () => secured,
   steps(ids('x'), (e) => e.sign('V1', {...temporaryKey(secured), token: ''}))],
  ['InvalidSecurityToken.Expired', null, () => secured, steps(ids('x'), (e) => e.sign('V1', faulty.expired))],
  ['InvalidSecurityToken.Malformed', null, () => secured,
   steps(ids('x'), (e) => e.sign('V1', {...temporaryKey(secured), token: 'bm90IGEgdG9rZW4='}))],
  ['InvalidSecurityToken.MismatchWithAccessKey', null, () => secured,
   steps(ids('x'), (e) => e.sign('V3', {...temporaryKey(secured), token: temporaryKey(secured).token}))],
  ['NoPermission', null, () => strict, steps(single('x'), signed('nobody'))],
  ['Throttling.User', null, () => strict, steps(ids('x'), signed('reader'))],
  ['Throttling', null, () => strict, steps(single('x'), signed('reader'))],
  ['Throttling.Api', null, () => local, steps(ids('x'), answered('Throttling.Api'))],
  ['ServiceUnavailable', null, () => local, steps(ids('x'), answered('ServiceUnavailable'))],
  ['InvalidProtocol.NeedSsl', null, () => local,
   steps(ids('x'), raw('GET {TARGET} HTTP/1.1\r\nHost: mqtt.example.net\r\n\r\n'))],
  ['InvalidRequest', null, () => local,
   steps(ids('x'), raw('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'))],
  ['RequestTimeout', null, () => local,
   steps(ids('x'), raw('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nab'))],
  ['RequestEntityTooLarge', null, () => local,
   steps(ids('x'), raw('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999\r\n\r\n'))],
  ['RequestURITooLong', null, () => local, ids('x'.repeat(40_000))],
  ['RequestHeaderFieldsTooLarge', null, () => local, steps(ids('x'), (e) =>
    onTheWay(e, (asked, route) => route.continue({headers: {...asked.headers, 'x-long': 'y'.repeat(40_000)}})))],
];

// Throttled is who calls again at once; everybody else is refused at the first call.
async function callUntilRefused(explorer, code) {
  await waitFor(`a reply with ${code}`, async () => {
    await explorer.call();
    return await explorer.reply().getByRole('heading', {name: code, exact: true}).count() > 0;
  });
}

for (const [row, onWire, server, provoke] of CASES) {
  test(`${onWire ?? row} is shown and explained`, async () => {
    const explorer = await Explorer.open(browser, server().origin);
    const {status, remedy} = documented.find((error) => error.code === row);
    explorer.visit.expectedStatus = status;
    await provoke(explorer);
    if (row.startsWith('Throttling')) await callUntilRefused(explorer, row);
    else await explorer.call();
    const alert = explorer.reply().getByRole('alert');
    await alert.getByRole('heading', {name: onWire ?? row, exact: true}).waitFor();
    await explorer.status(status);
    if (onWire === 'MissingAccessKeyId') await alert.getByText('Choose a signature in the form').waitFor();
    else await alert.getByText(remedy).waitFor();
    await alert.getByText(`Documented as ${row}, HTTP ${status}.`).waitFor();
    await explorer.close();
  });
}

test('no documented error is left out', () => {
  assert.deepEqual(CASES.map(([row]) => row).sort(), documented.map((error) => error.code).sort());
});

test('throttled calls are counted by their code', async () => {
  const metrics = await (await fetch(`${strict.origin}/metrics`)).text();
  for (const code of ['Throttling.User', 'Throttling']) {
    assert.match(metrics, new RegExp(`session_status_api_throttled_calls_total\\{code="${code}"\\} [1-9]`));
  }
});

