// The live view of very many clients: the page takes no more than it shows, and stays quick.
//
//   SESSION_STATUS_CROWD=1000000   the full size; 20,000 otherwise
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {after, before, test} from 'node:test';

import {freePort, waitFor} from './broker.mjs';
import {Browser} from './browser.mjs';

const CROWD = Number(process.env.SESSION_STATUS_CROWD ?? 20_000);
// Everything that the page holds of the server: one page of the table, counts, a short memory.
const FETCHED_BYTES_MAX = 400_000;

let dir;
let host;
let origin;
let browser;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'session-status-crowd.'));
  const address = `127.0.0.1:${await freePort()}`;
  origin = `http://${address}`;
  host = spawn(process.env.CROWD_HOST, [String(CROWD), address, join(dir, 'admin.sock')],
    {stdio: ['pipe', 'pipe', 'inherit']});
  const {value} = await createInterface({input: host.stdout})[Symbol.asyncIterator]().next();
  assert.equal(value, 'ready');
  browser = await Browser.launch();
});
after(async () => {
  await browser?.close();
  if (host) {
    const ended = new Promise((resolve) => host.once('exit', resolve));
    host.stdin.end();
    await ended;
  }
  rmSync(dir, {recursive: true, force: true});
});

const count = new Intl.NumberFormat('en');
const tile = (page, label) => page.locator('.tile', {hasText: label}).locator('dd');
const rows = (page) => page.getByRole('table').locator('tbody').getByRole('row');

test(`${count.format(CROWD)} clients: counts, first page, search, one client`, async (t) => {
  const visit = await browser.open(origin, 'live');
  const {page} = visit;
  let fetched = 0;
  page.on('response', async (response) => { fetched += (await response.body().catch(() => '')).length; });
  await tile(page, 'Online').filter({hasText: count.format(CROWD * 3 / 4)}).waitFor();
  await tile(page, 'Offline').filter({hasText: count.format(CROWD / 4)}).waitFor();
  await rows(page).first().waitFor();
  assert.equal(await rows(page).count(), 100);
  // Forward and back again, which the server itself would not repeat.
  const first = await rows(page).first().innerText();
  for (const number of [2, 3]) {
    await page.getByRole('button', {name: 'Next'}).click();
    await page.getByText(new RegExp(`, page ${number}$`)).waitFor();
  }
  for (const number of [2, 1]) {
    await page.getByRole('button', {name: 'Previous'}).click();
    await page.getByText(new RegExp(`, page ${number}$`)).waitFor();
  }
  await rows(page).first().filter({hasText: first.split(/\s+/)[1]}).waitFor();
  const id = `device-${String(CROWD - 1).padStart(7, '0')}`;
  const begin = Date.now();
  await page.getByLabel('Identifier begins with').fill(`GID_19@@@${id}`);
  // The client may have been on the first page: that the others are gone is what was asked for.
  await rows(page).nth(1).waitFor({state: 'detached'});
  await rows(page).filter({hasText: id}).getByText('network error').waitFor();
  t.diagnostic(`found the last client after ${Date.now() - begin} ms of typing pause, walk and paint`);
  assert.equal(await rows(page).count(), 1);
  await rows(page).getByRole('button', {name: `GID_19@@@${id}`, exact: true}).click();
  await page.getByRole('dialog').getByText('8883').or(page.getByRole('dialog').getByText('1883')).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({state: 'detached'});
  t.diagnostic(`${fetched} bytes of answers`);
  assert.ok(fetched < FETCHED_BYTES_MAX, `${fetched} bytes`);
  await visit.close();
});

test('a storm of changes: the page keeps up, bounded, and ends at the right counts', async () => {
  const visit = await browser.open(origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  const storm = 5000;
  for (let i = 0; i < storm; ++i) host.stdin.write(`connect storm-${i}\n`);
  await tile(page, 'Online').filter({hasText: count.format(CROWD * 3 / 4 + storm)}).waitFor();
  await page.locator('.activity').getByText(`storm-${storm - 1}`).waitFor();
  assert.ok(await rows(page).count() <= 300);
  assert.ok(await page.locator('.activity li').count() <= 12);
  for (let i = 0; i < storm; ++i) host.stdin.write(`end storm-${i}\n`);
  await tile(page, 'Online').filter({hasText: count.format(CROWD * 3 / 4)}).waitFor();
  await page.locator('.bars', {hasText: 'Why connections ended'}).getByText('network error').waitFor();
  await page.getByRole('img', {name: /^Ends by reason.*network error/}).waitFor();
  await visit.close();
});

const ask = async (method, request) => {
  const reply = await fetch(`${origin}/mosquitto_session_status.v1.SessionStatusService/${method}`,
    {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(request)});
  return reply.json();
};
// Listings that the page has begun, and those that it has closed.
const begun = (visit) => visit.bodies.filter((body) =>
  body.includes('/ListSessions') && !body.includes('"cursor"')).length;
const closed = (visit) => visit.bodies.filter((body) => body.includes('"closeCursor":true')).length;

test('a search letter by letter closes each listing that it leaves', async () => {
  const visit = await browser.open(origin, 'live');
  const {page} = visit;
  await page.getByText(/^Listed at .*, page 1$/).waitFor();
  const letters = 'GID_0';  // each has more clients than a page
  for (let n = 1; n <= letters.length; ++n) {
    const listed = page.waitForResponse((r) => (r.request().postData() ?? '').includes(
      `"clientIdPrefix":"${letters.slice(0, n)}"`));
    await page.getByLabel('Identifier begins with').fill(letters.slice(0, n));
    assert.equal((await listed).status(), 200);
    await page.getByText(/^Listed at .*, page 1$/).waitFor();
  }
  assert.ok(begun(visit) > letters.length);
  await waitFor('all but the last are closed', () => closed(visit) === begun(visit) - 1);
  await page.getByRole('link', {name: 'API explorer'}).click();
  await waitFor('the last one as well', () => closed(visit) === begun(visit));
  await visit.close();
});

test('a listing that the broker no longer holds begins anew by itself, and says so', async () => {
  const visit = await browser.open(origin, 'explorer');
  const {page} = visit;
  const cursors = [];
  page.on('response', async (response) => {
    if (response.url().endsWith('/ListSessions')) cursors.push((await response.json()).nextCursor);
  });
  await page.getByRole('link', {name: 'Live', exact: true}).click();
  // It lists once more when the feed has begun.
  await waitFor('two listings', () => cursors.filter(Boolean).length === 2);
  await page.getByText(/, page 1$/).waitFor();
  for (const cursor of cursors.filter(Boolean)) await ask('ListSessions', {cursor, closeCursor: true});
  visit.expectedStatus = 409;
  await page.getByRole('button', {name: 'Next'}).click();
  await page.getByRole('note').filter({hasText: 'begins anew with the first page'}).waitFor();
  await page.getByText(/, page 1$/).waitFor();
  assert.equal(await rows(page).count(), 100);
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.getByRole('button', {name: 'Next'}).click();
  await page.getByText(/, page 2$/).waitFor();
  await page.getByRole('note').filter({hasText: 'begins anew'}).waitFor({state: 'detached'});
  await visit.close();
});

test('a page that one goes back to has what happened meanwhile', async () => {
  const visit = await browser.open(origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  await page.getByText(/, page 1$/).waitFor();
  const id = (await rows(page).filter({hasText: 'online'}).first().getByRole('rowheader').innerText()).trim();
  await page.getByRole('button', {name: 'Next'}).click();
  await page.getByText(/, page 2$/).waitFor();
  host.stdin.write(`end ${id}\n`);
  await page.locator('.activity li').filter({hasText: id}).getByText(/^went offline/).waitFor();
  await page.getByRole('button', {name: 'Previous'}).click();
  await page.getByText(/, page 1$/).waitFor();
  await rows(page).filter({hasText: id}).getByText('offline', {exact: true}).waitFor();
  await visit.close();
});
