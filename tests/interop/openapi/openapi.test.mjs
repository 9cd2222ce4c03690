// The vendor's SDKs, unmodified, against the documented API over HTTP and HTTPS, in both signature
// versions: only the endpoint differs from the cloud. Run by ctest with
//   SERVER: tests/openapi/interop_server.cc, built;  CLI: mosquitto_session
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {after, before, test} from 'node:test';

import {callWithoutKey, sdks} from './sdks.mjs';

const kInstance = 'post-cn-local0001';
const kBatch = 'BatchQuerySessionByClientIds';
const kQuery = 'QuerySessionByClientId';
const kUuid = /^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$/;

const dir = mkdtempSync(join(tmpdir(), 'session-status-openapi.'));
const servers = [];
let calls = 0;  // that succeeded, by the callers' own count
let main;
let gateway;
let limited;

const allow = (action) => ({Version: '1', Statement: [{Effect: 'Allow', Action: action, Resource: '*'}]});
const user = (name, ...policies) => ({
  name, policies, access_keys: [{id: `key-${name}`, secret: `secret-of-${name}`}],
});
const users = () => [
  user('reader', allow('mq:*')),
  user('batcher', allow('mq:BatchQuerySessionByClientIds')),
  user('nobody'),
  {...user('inactive', allow('mq:*')),
   access_keys: [{id: 'key-inactive', secret: 'secret-of-inactive', status: 'Inactive'}]},
  user('sécret-ünicode', allow('mq:*')),
];
const accessFile = (more) => JSON.stringify({
  version: 1,
  sts: {secret: 'an sts secret that is long enough to be one'},
  accounts: [{id: '1001', instances: [kInstance, 'post-cn-overflow'], users: [...users(), ...more]}],
});
const key = (name) => ({AccessKeyId: `key-${name}`, AccessKeySecret: `secret-of-${name}`});

function write(name, text) {
  const path = join(dir, name);
  writeFileSync(path, text, {mode: 0o600});
  return path;
}

function temporaryKey(file, userName) {
  return JSON.parse(execFileSync(
      process.env.CLI, ['--json', 'sts', 'issue', '-f', file, '-a', '1001', '-u', userName])).Credentials;
}

async function start(name, ...flags) {
  const usage = join(dir, `${name}.db`);
  const child = spawn(
      process.env.SERVER, [join(dir, 'access.json'), usage, 'cert.pem', 'key.pem', ...flags],
      {stdio: ['pipe', 'pipe', 'inherit']});
  servers.push(child);
  const {value} = await createInterface({input: child.stdout})[Symbol.asyncIterator]().next();
  assert.ok(value, 'the server did not start');
  return {...JSON.parse(value), usage, child};
}

function stop(server) {
  return new Promise((resolve) => {
    server.child.once('exit', resolve);
    server.child.stdin.end();
  });
}

before(async () => {
  write('access.json', accessFile([]));
  [main, gateway, limited] = await Promise.all(
      [start('main'), start('gateway', 'gateway'), start('limited', 'limited')]);
});

after(() => {
  for (const child of servers) child.stdin.destroy();
  rmSync(dir, {recursive: true});
});

function settings({server = main, tls = false, version = '2020-04-20', as = key('reader')}) {
  return {endpoint: `127.0.0.1:${tls ? server.https : server.http}`, tls, version, key: as};
}

async function expectBatch(sdk, ids, options = {}) {
  const reply = await sdk(kBatch, {InstanceId: kInstance, ClientIdList: ids}, settings(options));
  if ((options.server ?? main) === main) ++calls;
  assert.match(reply.RequestId, kUuid);
  assert.deepEqual(reply.OnlineStatusList.map((item) => item.ClientId), ids);
  return reply.OnlineStatusList.map((item) => item.OnlineStatus);
}

async function expectError(promise, code, status) {
  const error = await promise.then(
      (reply) => assert.fail(`${code} expected, got ${JSON.stringify(reply)}`), (e) => e);
  assert.equal(error.code, code, error.stack);
  assert.equal(error.status ?? error.statusCode, status);
  assert.match(error.requestId ?? error.data.RequestId, kUuid);
  return error;
}

const batch = (sdk, parameters, options) =>
    sdk(kBatch, {InstanceId: kInstance, ClientIdList: ['x'], ...parameters}, settings(options));

// What is wrong with the call, and what the SDK makes of the answer.
const errors = [
  ['InstancePermissionCheckFailed', 400, (sdk, o) => batch(sdk, {InstanceId: 'post-cn-else'}, o)],
  ['InstancePermissionCheckFailed', 400, (sdk, o) => batch(sdk, {}, {...o, as: key('nobody')})],
  ['ParameterCheckFailed', 400, (sdk, o) => batch(sdk, {ClientIdList: Array(11).fill('x')}, o)],
  ['InvalidParameter.ClientIdList', 400, (sdk, o) => batch(sdk, {ClientIdList: ['x', '']}, o)],
  ['PermissionCheckFailed', 400,
   (sdk, o) => sdk(kQuery, {InstanceId: kInstance, ClientId: 'x'}, settings({...o, as: key('batcher')}))],
  ['NoPermission', 403, (sdk, o) => batch(sdk, {}, {...o, server: gateway, as: key('nobody')})],
  ['InternalError', 500, (sdk, o) => batch(sdk, {ClientIdList: ['throw']}, o)],
  ['SystemOverFlow', 500, (sdk, o) => batch(sdk, {InstanceId: 'post-cn-overflow'}, o)],
  ['ApiNotSupport', 404, (sdk, o) => sdk('ApplyToken', {InstanceId: kInstance}, settings(o))],
  ['InvalidApi.NotFound', 404, (sdk, o) => sdk('NoSuchOperation', {}, settings(o))],
  ['InvalidVersion', 400, (sdk, o) => batch(sdk, {}, {...o, version: '2021-01-01'})],
  ['MissingInstanceId', 400, (sdk, o) => sdk(kQuery, {ClientId: 'x'}, settings(o))],
  ['MissingClientId', 400, (sdk, o) => sdk(kQuery, {InstanceId: kInstance}, settings(o))],
  ['InvalidAccessKeyId.NotFound', 404, (sdk, o) => batch(sdk, {}, {...o, as: key('unknown')})],
  ['InvalidAccessKeyId.Inactive', 400, (sdk, o) => batch(sdk, {}, {...o, as: key('inactive')})],
  ['SignatureDoesNotMatch', 400,
   (sdk, o) => batch(sdk, {}, {...o, as: {...key('reader'), AccessKeySecret: 'a wrong secret'}})],
  ['MissingSecurityToken', 400,
   (sdk, o) => batch(sdk, {}, {...o, as: {...temporary(), SecurityToken: undefined}})],
  ['InvalidSecurityToken.Malformed', 400,
   (sdk, o) => batch(sdk, {}, {...o, as: {...temporary(), SecurityToken: 'bm90IGEgdG9rZW4='}})],
  ['InvalidSecurityToken.MismatchWithAccessKey', 400,
   (sdk, o) => batch(
       sdk, {}, {...o, as: {...temporary(), SecurityToken: temporary().SecurityToken}})],
  ['InvalidSecurityToken.Expired', 400, (sdk, o) => batch(sdk, {}, {...o, as: main.expired})],
  // The token is of a user whom the server does not have.
  ['CheckAccountInfoFailed', 400,
   (sdk, o) => batch(
       sdk, {},
       {...o, as: temporaryKey(write('other.json', accessFile([user('guest', allow('*'))])), 'guest')})],
];

const temporary = () => temporaryKey(join(dir, 'access.json'), 'reader');

for (const [name, sdk] of Object.entries(sdks)) {
  for (const tls of [false, true]) {
    const where = `${name}, ${tls ? 'HTTPS' : 'HTTP'}`;

    test(`${where}: one, two and ten identifiers in order`, async () => {
      assert.deepEqual(await expectBatch(sdk, ['GID_a@@@1'], {tls}), [true]);
      assert.deepEqual(await expectBatch(sdk, ['GID_a@@@2', 'GID_a@@@1'], {tls}), [false, true]);
      const ten = Array.from({length: 10}, (_, i) => `GID_a@@@${10 - i}`);
      assert.deepEqual(await expectBatch(sdk, ten, {tls}),
                       ten.map((id) => id === 'GID_a@@@1' || id === 'GID_a@@@3'));
    });

    test(`${where}: unicode, reserved characters, quotes, emoji and a duplicate`, async () => {
      const ids = ['GID_测试@@@设备-é', 'a b+c%d~*!\'()/?&=#', '"quoted" <&> \\', '😀', '😀', '+', '%41'];
      assert.deepEqual(await expectBatch(sdk, ids, {tls}), [true, true, true, true, true, false, false]);
    });

    test(`${where}: the single query, both API versions, temporary and unicode keys`, async () => {
      for (const version of ['2020-04-20', '2019-12-11']) {
        for (const as of [key('reader'), temporary(), key('sécret-ünicode')]) {
          // Header values are Latin-1 on the wire; such a key id fits into a V1 parameter only.
          if (as.AccessKeyId.includes('ü') && name.includes('V3')) continue;
          const options = settings({tls, version, as});
          const on = await sdk(kQuery, {InstanceId: kInstance, ClientId: 'GID_a@@@1'}, options);
          assert.deepEqual([on.OnlineStatus, kUuid.test(on.RequestId)], [true, true]);
          const off = await sdk(kQuery, {InstanceId: kInstance, ClientId: 'never'}, options);
          assert.equal(off.OnlineStatus, false);
          calls += 2;
        }
      }
    });

    test(`${where}: every error arrives with its code, status and request id`, async () => {
      for (const [code, status, provoke] of errors) {
        const error = await expectError(provoke(sdk, {tls}), code, status);
        assert.equal(error.retryAfter, undefined, code);
        if (code === 'SignatureDoesNotMatch') {
          assert.match(error.message, /server string to sign is:(GET|POST&|ACS3-HMAC-SHA256\n)/);
        }
        if (code === 'NoPermission') assert.equal(error.detail.AuthPrincipalDisplayName, 'nobody');
      }
    });

    test(`${where}: a clock that is 16 minutes off is told the server's time`, async (t) => {
      const RealDate = Date;
      class SlowDate extends RealDate {
        constructor(...args) {
          super(...(args.length ? args : [RealDate.now() - 16 * 60_000]));
        }
      }
      globalThis.Date = SlowDate;
      t.after(() => { globalThis.Date = RealDate; });
      const error = await expectError(batch(sdk, {}, {tls}), 'InvalidTimeStamp.Expired', 400);
      assert.match(error.message, /The server's time is 20\d\d-/);
    });

    test(`${where}: over the limit it is throttled and told how long`, async () => {
      let throttled;
      for (let i = 0; i < 200 && !throttled; ++i) {
        try {
          await expectBatch(sdk, ['x'], {tls, server: limited});
        } catch (error) {
          throttled = error;
        }
      }
      assert.equal(throttled?.code, 'Throttling.User');
      assert.equal(throttled.status, 400);
      if (name.startsWith('pop-core') || name.startsWith('openapi-core')) {
        assert.ok(throttled.retryAfter >= 1 && throttled.retryAfter <= 1000, throttled.retryAfter);
      }
      if (name.startsWith('openapi-core')) assert.match(throttled.className, /Throttling/);
    });
  }
}

test('no credentials and bearer tokens get typed errors', async () => {
  const parameters = {InstanceId: kInstance, ClientId: 'x'};
  await expectError(callWithoutKey('anonymous', kQuery, parameters, settings({})),
                    'MissingAccessKeyId', 400);
  await expectError(callWithoutKey('bearer', kQuery, parameters, settings({})),
                    'InvalidSignatureMethod', 400);
});

test('pop-core: a nonce is good once', async () => {
  const once = {SignatureNonce: 'the-same-every-time'};
  await batch(sdks['pop-core GET (V1)'], once, {});
  ++calls;
  await expectError(batch(sdks['pop-core GET (V1)'], once, {}), 'SignatureNonceUsed', 400);
});

test('pop-core: a missing common parameter and a strange format are named', async () => {
  const sdk = sdks['pop-core GET (V1)'];
  await expectError(batch(sdk, {Timestamp: ''}, {}), 'MissingTimestamp', 400);
  await expectError(batch(sdk, {Timestamp: 'now'}, {}), 'InvalidTimeStamp.Format', 400);
  await expectError(batch(sdk, {Format: 'YAML'}, {}), 'InvalidParameter.Format', 400);
  await expectError(batch(sdk, {SignatureMethod: 'MD5'}, {}), 'InvalidSignatureMethod', 400);
  await expectError(batch(sdk, {SignatureVersion: '9'}, {}), 'InvalidSignatureVersion', 400);
});

function raw(options) {
  return new Promise((resolve, reject) => {
    const request = http.request({host: '127.0.0.1', port: main.http, ...options}, (response) => {
      let body = '';
      response.on('data', (chunk) => { body += chunk; });
      response.on('end', () => resolve({status: response.statusCode, headers: response.headers, body}));
    });
    request.on('error', reject);
    request.end();
  });
}

test('errors below the API are typed JSON too: method, path, length of the request line', async () => {
  for (const [options, status, code] of [
           [{method: 'DELETE', path: '/'}, 400, 'UnsupportedHTTPMethod'],
           [{method: 'GET', path: '/other'}, 404, 'InvalidApi.NotFound'],
           [{method: 'GET', path: `/?x=${'y'.repeat(40_000)}`}, 414, 'RequestURITooLong'],
  ]) {
    const reply = await raw(options);
    assert.equal(reply.status, status);
    assert.match(reply.headers['content-type'], /^application\/json/);
    assert.equal(JSON.parse(reply.body).Code, code);
  }
});

test('usage is exactly what the callers counted', async () => {
  await stop(main);
  const usage = JSON.parse(execFileSync(
      process.env.CLI, ['--json', 'usage', '-d', main.usage, '--by', 'account,instance']));
  assert.deepEqual(usage.usage, [{account: '1001', instance: kInstance, calls}]);
});
