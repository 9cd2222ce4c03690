// The live view of one broker of a fleet: what is another broker's is told, and told apart.
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {after, before, test} from 'node:test';

import {Broker, freePort, waitFor} from './broker.mjs';
import {Browser} from './browser.mjs';

let redis;
let a;
let b;
let browser;
before(async () => {
  const port = await freePort();
  redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    {stdio: ['ignore', 'pipe', 'inherit']});
  let log = '';
  redis.stdout.on('data', (text) => { log += text; });
  await waitFor('redis-server answers', () => log.includes('Ready to accept connections'));
  const start = (node) => Broker.start({options: [['fleet_url', `redis://127.0.0.1:${port}`], ['node_id', node]]});
  a = await start('a');
  b = await start('b');
  browser = await Browser.launch();
});
after(async () => {
  await browser?.close();
  for (const broker of [a, b]) await broker?.stop();
  if (redis) {
    const ended = new Promise((resolve) => redis.once('exit', resolve));
    redis.kill('SIGTERM');
    await ended;
  }
});

const knownAt = (broker, id, online) => waitFor(`${id} is ${online ? 'online' : 'offline'}`, async () =>
  Boolean((await broker.query(id)).online) === online);

test('a watched client is followed from broker to broker, and everybody else told apart', async () => {
  let mover = await a.connect('mover');
  const stays = await b.connect('elsewhere', ['-k', '30']);
  await knownAt(a, 'elsewhere', true);
  const visit = await browser.open(a.origin, 'live', {prepare: () => {
    localStorage.setItem('session-status-watch', JSON.stringify(['mover', 'elsewhere']));
  }});
  const {page} = visit;
  const item = (id) => page.locator('.watch li', {hasText: id});
  const is = (id, state, where) => item(id).filter({has: page.getByText(state, {exact: true})})
    .filter(where ? {hasText: `at ${where}`} : {hasNotText: 'at '}).waitFor();
  await page.getByRole('heading', {name: 'Clients of this broker (node a)'}).waitFor();
  await page.locator('.tile', {hasText: 'Online'}).getByText('+ 1 on other brokers').waitFor();
  await is('mover', 'online', 'a');
  await is('elsewhere', 'online', 'b');
  await page.getByLabel('Identifier begins with').fill('elsewhere');
  await page.getByText('No client of this broker matches.').waitFor();
  await page.getByLabel('Identifier begins with').fill('');

  await mover.disconnect();
  mover = await b.connect('mover');
  await is('mover', 'online', 'b');
  await page.locator('.tile', {hasText: 'Online'}).getByText('+ 2 on other brokers').waitFor();

  // The open client says who holds it, makes nothing up, and follows.
  await item('mover').getByRole('button', {name: 'mover', exact: true}).click();
  const dialog = page.getByRole('dialog');
  const fact = (name, value) => dialog.locator('.facts > div').filter({has: page.getByText(name, {exact: true})})
    .getByRole('definition').filter({hasText: value}).waitFor();
  await fact('Node', 'b');
  await fact('Source', /^(the fleet's engine|this broker's copy of what the others told)$/);
  await dialog.getByRole('heading', {name: /^History at this broker/}).waitFor();
  assert.equal(await dialog.getByText('Keepalive', {exact: true}).count(), 0);
  assert.equal(await dialog.getByText('Silent death noticed', {exact: true}).count(), 0);
  await mover.disconnect();
  await dialog.locator('.state').getByText('offline', {exact: true}).waitFor();
  mover = await a.connect('mover', ['-k', '30']);
  await fact('Node', 'a');
  await fact('Source', 'this broker');
  await fact('Keepalive', '30 s');
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await page.keyboard.press('Escape');

  await is('mover', 'online', 'a');
  await stays.disconnect();
  await is('elsewhere', 'offline');
  await visit.close();
});
