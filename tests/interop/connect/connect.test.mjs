// The stock Connect client (connect-node) against the plugin inside a real broker: TCP and Unix
// socket, binary and JSON, POST and GET. Run by ctest with
//   BROKER, PLUGIN, CLI: paths;  PRELOAD: the sanitizer's runtime, if any;  GENERATED: folder of the code made by protoc-gen-es
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir, userInfo} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';

import {Code, ConnectError, createClient} from '@connectrpc/connect';
import {createConnectTransport} from '@connectrpc/connect-node';

const {SessionState, SessionStatusService} =
    await import(join(process.env.GENERATED, 'proto/session_status_pb.js'));

const dir = mkdtempSync(join(tmpdir(), 'session-status-interop.'));
const socketPath = join(dir, 'admin.sock');
const children = [];
let mqttPort;
let adminPort;

function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const {port} = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function waitFor(what, condition) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
    } catch {
      // Not yet.
    }
    assert.ok(Date.now() < deadline, `timed out: ${what}\n${readFileSync(join(dir, 'log'))}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function transport(options) {
  const where = options.unix ? {baseUrl: 'http://localhost', nodeOptions: {socketPath}} :
                               {baseUrl: `http://127.0.0.1:${adminPort}`};
  return createConnectTransport({httpVersion: '1.1', useBinaryFormat: options.binary,
                                 useHttpGet: options.get, ...where});
}

const client = (options) => createClient(SessionStatusService, transport(options));
const combinations = [];
for (const unix of [false, true])
  for (const binary of [false, true])
    for (const get of [false, true]) combinations.push({unix, binary, get});
const nameOf = (c) =>
    `${c.unix ? 'Unix socket' : 'TCP'}, ${c.binary ? 'binary' : 'JSON'}, ${c.get ? 'GET' : 'POST'}`;

function connectClient(id) {
  const child = spawn('mosquitto_sub',
                      ['-h', '127.0.0.1', '-p', String(mqttPort), '-i', id, '-t', 'x', '-u', 'ann'],
                      {stdio: 'ignore'});
  children.push(child);
  return child;
}

before(async () => {
  mqttPort = await freePort();
  adminPort = await freePort();
  writeFileSync(join(dir, 'mosquitto.conf'), `
listener ${mqttPort} 127.0.0.1
allow_anonymous true
user ${userInfo().username}
log_dest file ${join(dir, 'log')}
global_plugin ${process.env.PLUGIN}
plugin_opt_admin_socket ${socketPath}
plugin_opt_admin_listen 127.0.0.1:${adminPort}
plugin_opt_snapshot_refresh 50ms
`);
  writeFileSync(join(dir, 'log'), '');
  // Under a sanitizer the runtime comes first, and the address space is not randomised (the thread
  // sanitizer of g++ 12 does not know newer kernels' layouts).
  const {BROKER, PRELOAD, ...env} = process.env;
  const command = PRELOAD ? ['setarch', '-R', 'env', `LD_PRELOAD=${PRELOAD}`, BROKER] : [BROKER];
  children.push(spawn(command[0], [...command.slice(1), '-c', join(dir, 'mosquitto.conf')],
                      {stdio: 'ignore', env: {...env, ASAN_OPTIONS: 'detect_leaks=0'}}));
  const admin = client({unix: true, binary: true});
  await waitFor('the admin service', () => admin.getServerStatus({}));
  connectClient('online-ä%&+/');
  await waitFor('the client', async () => (await admin.querySessionByClientId(
                                               {clientId: 'online-ä%&+/'})).online);
});

after(async () => {
  for (const child of children) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill()) await gone;
  }
  rmSync(dir, {recursive: true, force: true});
});

for (const c of combinations) {
  test(`batch and exact queries agree over ${nameOf(c)}`, async () => {
    const admin = client(c);
    const exact = await admin.querySessionByClientId({clientId: 'online-ä%&+/'});
    assert.equal(exact.online, true);
    assert.equal(exact.state, SessionState.ONLINE);
    assert.equal(exact.address, '127.0.0.1');
    assert.equal(exact.username, 'ann');
    assert.equal(exact.keepaliveS, 60);
    assert.ok(exact.incarnation >= 1n);
    const batch = await waitFor('the snapshot', async () => {
      const reply = await admin.batchQuerySessionByClientIds(
          {clientIds: ['nobody', 'online-ä%&+/', 'nobody']});
      return reply.sessions[1].online && reply;
    });
    assert.deepEqual(batch.sessions.map((s) => [s.clientId, s.online]),
                     [['nobody', false], ['online-ä%&+/', true], ['nobody', false]]);
    assert.ok(batch.snapshot.ageMs >= 0n);
    assert.ok(batch.snapshot.sequence >= 1n);
  });

  test(`an error has its code and message over ${nameOf(c)}`, async () => {
    const admin = client(c);
    await assert.rejects(admin.batchQuerySessionByClientIds({clientIds: []}), (error) => {
      assert.ok(error instanceof ConnectError);
      assert.equal(error.code, Code.InvalidArgument);
      assert.match(error.rawMessage, /clientIds is empty/);
      return true;
    });
    await assert.rejects(
        admin.querySessionByClientId({clientId: 'a', instanceId: 'elsewhere'}),
        (error) => error.code === Code.NotFound);
  });
}

test('a hundred calls share one connection', async () => {
  const admin = client({unix: true, binary: false, get: false});
  for (let i = 0; i < 100; ++i) {
    assert.equal((await admin.querySessionByClientId({clientId: 'nobody'})).online, false);
  }
});

test('a time-out is sent and accepted', async () => {
  const admin = client({unix: false, binary: true, get: false});
  const reply = await admin.getServerStatus({}, {timeoutMs: 5000});
  assert.match(reply.broker, /^mosquitto 2\./);
});

test('curl, the CLI and the Connect client give the same answer', async () => {
  const id = 'online-ä%&+/';
  const curl = JSON.parse(execFileSync('curl', [
    '-sS', '--unix-socket', socketPath, '-H', 'Content-Type: application/json',
    '-d', JSON.stringify({clientId: id}),
    'http://localhost/mosquitto_session_status.v1.SessionStatusService/QuerySessionByClientId',
  ]).toString());
  const cli = JSON.parse(
      execFileSync(process.env.CLI, ['--socket', socketPath, '--json', 'query', id]).toString());
  const connect = await client({unix: true, binary: true}).querySessionByClientId({clientId: id});
  // Last seen is now, for a client that is online.
  delete curl.lastSeenAtMs;
  delete cli.lastSeenAtMs;
  assert.deepEqual(cli, curl);
  assert.equal(curl.online, connect.online);
  assert.equal(curl.incarnation, String(connect.incarnation));
  assert.equal(curl.connectedAtMs, String(connect.connectedAtMs));
  assert.equal(curl.address, connect.address);
  assert.equal(curl.protocolVersion, connect.protocolVersion);
});
