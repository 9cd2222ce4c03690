// A real broker with the plugin, and real clients, on free loopback ports.
import assert from 'node:assert/strict';
import {execFile, spawn} from 'node:child_process';
import {chmodSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {after} from 'node:test';
import {tmpdir, userInfo} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';

export const run = promisify(execFile);

const PATIENCE_MS = 60_000;

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const {port} = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function waitFor(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await Promise.resolve().then(condition).catch(() => undefined);
    if (value) return value;
    assert.ok(Date.now() < deadline, `timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ended(child) {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('exit', resolve));
  }
}

export class Broker {
  static #started = [];
  #children = [];
  #process;

  // What a test that failed did not stop would keep the whole file from ending.
  static async stopAll() {
    for (const broker of Broker.#started) await broker.stop();
  }

  // `options`: further plugin options; {DIR} is the broker's folder. `files`: written there.
  static async start({options = [], files = {}} = {}) {
    const broker = new Broker();
    Broker.#started.push(broker);
    broker.dir = mkdtempSync(join(tmpdir(), 'session-status-web.'));
    broker.mqttPort = await freePort();
    broker.port = await freePort();
    broker.origin = `http://127.0.0.1:${broker.port}`;
    broker.socket = join(broker.dir, 'admin.sock');
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(broker.dir, name), text, {mode: 0o600});
    }
    const lines = options.map(([name, value]) =>
      `plugin_opt_${name} ${value.replaceAll('{DIR}', broker.dir)}`);
    writeFileSync(join(broker.dir, 'mosquitto.conf'), [
      `listener ${broker.mqttPort} 127.0.0.1`,
      'allow_anonymous true',
      `user ${userInfo().username}`,
      `global_plugin ${process.env.PLUGIN}`,
      `plugin_opt_admin_socket ${broker.socket}`,
      `plugin_opt_admin_listen 127.0.0.1:${broker.port}`,
      'plugin_opt_snapshot_refresh 50ms',
      ...lines, ''].join('\n'));
    chmodSync(broker.dir, 0o700);
    broker.log = '';
    await broker.run();
    return broker;
  }

  async run() {
    const started = spawn(process.env.BROKER, ['-c', join(this.dir, 'mosquitto.conf')], {
      env: {...process.env, LD_PRELOAD: process.env.PRELOAD ?? ''},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream.on('data', (data) => { this.log += data; });
    }
    this.#children.push(started);
    this.#process = started;
    await waitFor('the broker answers', async () => {
      assert.equal(started.exitCode, null, this.log);
      return (await fetch(`${this.origin}/readyz`)).ok;
    }).catch((error) => { throw new Error(`${error.message}\n${this.log}`); });
  }

  // The broker alone ends; run() starts it again, at the same ports.
  async halt() {
    this.#process.kill('SIGTERM');
    await ended(this.#process);
  }

  // It is there and does nothing, as on a machine that hangs.
  freeze() {
    this.#process.kill('SIGSTOP');
  }
  thaw() {
    this.#process.kill('SIGCONT');
  }

  async followers() {
    const metrics = await (await fetch(`${this.origin}/metrics`)).text();
    return Number(/^session_status_feed_followers (\d+)/m.exec(metrics)[1]);
  }

  async query(clientId) {
    const reply = await fetch(
      `${this.origin}/mosquitto_session_status.v1.SessionStatusService/QuerySessionByClientId`,
      {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({clientId})});
    return reply.json();
  }

  // Returns when the plugin knows this connection as online and the client has subscribed: one that is ended
  // before it listens to signals leaves without a DISCONNECT.
  async connect(clientId, args = []) {
    const before = (await this.query(clientId)).incarnation;
    const client = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-d', '-h', '127.0.0.1',
                                    '-p', String(this.mqttPort), '-i', clientId, '-t', 'test/#', ...args],
                         {stdio: ['ignore', 'pipe', 'ignore']});
    this.#children.push(client);
    let said = '';
    client.stdout.on('data', (text) => said += text);
    await waitFor(`${clientId} has subscribed`, () => said.includes('Subscribed '));
    await waitFor(`${clientId} is online`, async () => {
      const {online, incarnation} = await this.query(clientId);
      return online && incarnation !== before;
    });
    const offline = () =>
      waitFor(`${clientId} is offline`, async () => !(await this.query(clientId)).online);
    const end = async (signal) => {
      client.kill(signal);
      await ended(client);
    };
    return {
      disconnect: async () => {
        await end('SIGTERM');
        await offline();
      },
      // The connection breaks: no DISCONNECT.
      drop: async () => {
        await end('SIGKILL');
        await offline();
      },
      // A second device takes the connection over. This one does not fight for it.
      takeOver: async () => {
        client.kill('SIGSTOP');
        const second = await this.connect(clientId, args);
        await end('SIGKILL');
        return second;
      },
    };
  }

  async stop() {
    for (const child of this.#children.reverse()) {
      child.kill('SIGTERM');
      child.kill('SIGCONT');  // one that was stopped by a test that failed
      await ended(child);
    }
    rmSync(this.dir, {recursive: true, force: true});
  }
}

after(() => Broker.stopAll());
