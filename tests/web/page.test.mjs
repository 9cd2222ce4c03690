// What the page promises whatever it shows: nothing from elsewhere, nothing inline, small, quick.
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {after, before, test} from 'node:test';

import {SECURED, SECURED_FILES} from './access.mjs';
import {Broker} from './broker.mjs';
import {Browser, ELSEWHERE} from './browser.mjs';
import {BATCH, Explorer} from './explorer.mjs';

const TRANSFER_BYTES_MAX = 250_000;
// What Chromium says of every page over plain HTTP that has the header.
const PLAIN_HTTP = {expectedText: 'Cross-Origin-Opener-Policy header has been ignored'};

let broker;
let browser;
before(async () => {
  broker = await Broker.start();
  browser = await Browser.launch();
});
after(async () => {
  await browser?.close();
  await broker?.stop();
});

test('a first visit of both views transfers less than 250 kB, all of it from the plugin', async (t) => {
  const visit = await browser.open(broker.origin, 'live');
  await visit.page.getByText('following live').waitFor();
  await visit.page.getByRole('link', {name: 'API explorer'}).click();
  await visit.page.getByRole('heading', {name: 'Take it away'}).waitFor();
  assert.ok(visit.transferred > 10_000);
  assert.ok(visit.transferred < TRANSFER_BYTES_MAX, `${visit.transferred} bytes`);
  const paint = await visit.page.evaluate(() =>
    performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
  t.diagnostic(`${visit.transferred} bytes transferred, first contentful paint after ${Math.round(paint)} ms`);
  await visit.close();
});

test('the policy is in force: neither an inline script nor markup from text gets through', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.textContent = 'window.injected = true';
    } catch {
      return false;  // trusted types refuse even the assignment
    }
    document.body.append(script);
    return window.injected === true;
  });
  assert.equal(ran, false);
  const markup = await page.evaluate(() => {
    try {
      document.body.insertAdjacentHTML('beforeend', '<b id="injected">x</b>');
    } catch {
      return false;
    }
    return document.getElementById('injected') !== null;
  });
  assert.equal(markup, false);
  const outside = await page.evaluate(() =>
    fetch('https://example.invalid/').then(() => true, () => false));
  assert.equal(outside, false);
  assert.ok(visit.problems.some((p) => p.startsWith('policy: ')), 'violations are reported');
  await page.close();
});

test('other pages can neither frame this one nor read the service', async () => {
  const page = await fetch(`${broker.origin}/`, {headers: {Accept: 'text/html'}});
  assert.match(page.headers.get('content-security-policy'), /frame-ancestors 'none'/);
  assert.equal(page.headers.get('set-cookie'), null);
  for (const path of ['/', '/openapi.json', '/metrics',
                      '/mosquitto_session_status.v1.SessionStatusService/GetServerStatus']) {
    const reply = await fetch(broker.origin + path, {headers: {Origin: 'https://elsewhere.example'}});
    assert.equal(reply.headers.get('access-control-allow-origin'), null, path);
  }
});

test('a page of another site can lead here, and uses the browser for nothing else', async (t) => {
  const own = await Broker.start();
  for (const id of ['a', 'b']) await own.connect(id);
  const site = createServer((_, reply) => {
    reply.setHeader('Content-Type', 'text/html');
    reply.end('<!doctype html><title>another site</title>');
  });
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    site.close();
    site.closeAllConnections();
  });
  const page = await browser.context.newPage();
  const statuses = [];
  await page.goto(`http://${ELSEWHERE}:${site.address().port}/`);
  // A page of one session leaves a listing open, and there are eight places for those.
  const service = `${own.origin}/mosquitto_session_status.v1.SessionStatusService/ListSessions`;
  const list = `${service}?connect=v1&encoding=json&message=${encodeURIComponent('{"pageSize":1}')}`;
  const call = `${own.origin}/?Action=QuerySessionByClientId&Version=2020-04-20&InstanceId=mosquitto&ClientId=a`;
  for (const url of [...Array(8).fill(list), call]) {
    const [response] = await Promise.all([
      page.waitForResponse((r) => r.url().startsWith(own.origin)),
      page.evaluate((u) => { fetch(u, {mode: 'no-cors', cache: 'no-store'}); }, url),
    ]);
    statuses.push(response.status());
  }
  assert.deepEqual(statuses, [...Array(8).fill(403), 400]);
  assert.equal((await fetch(list)).status, 200, 'a program of this machine finds a place');
  await page.evaluate((u) => { location.href = u; }, `${own.origin}/`);
  await page.waitForURL(`${own.origin}/**`);
  await page.getByText('following live').waitFor();
  await page.close();
  await own.stop();
});

test('a second visit fetches nothing that has not changed', async () => {
  const first = await fetch(`${broker.origin}/`, {headers: {Accept: 'text/html'}});
  const again = await fetch(`${broker.origin}/`, {
    headers: {Accept: 'text/html', 'If-None-Match': first.headers.get('etag')}});
  assert.equal(again.status, 304);
  const script = /src="(\/ui\/assets\/[^"]+)"/.exec(await first.text())[1];
  const asset = await fetch(broker.origin + script);
  assert.match(asset.headers.get('cache-control'), /immutable/);
});

test('a stranger gets the page, but no sessions, and is told where it shows them', async () => {
  const own = await Broker.start({options: SECURED, files: SECURED_FILES});
  await own.connect('GID_a@@@private');
  const visit = await browser.open(`http://${ELSEWHERE}:${own.port}`, 'live', {...PLAIN_HTTP, expectedStatus: 403});
  const {page} = visit;
  await page.getByRole('alert').filter({hasText: 'only for the Unix socket, for programs on this machine'})
      .getByText(`http://127.0.0.1:${own.port}/`).waitFor();
  await page.getByText('The list could not be loaded').waitFor();
  assert.ok(!(await page.locator('body').innerText()).includes('private'));
  await visit.close();
  await own.stop();
});

test('where the browser does not sign the explorer says so', async () => {
  const own = await Broker.start({options: SECURED, files: SECURED_FILES});
  const explorer = await Explorer.open(browser, `http://${ELSEWHERE}:${own.port}`, PLAIN_HTTP);
  const {page, visit} = explorer;
  assert.equal(await page.evaluate(() => window.isSecureContext), false);
  await page.getByText('Browsers sign only on pages that came over HTTPS or from this machine').waitFor();
  assert.equal(await page.getByRole('radio', {name: /^V3/}).isDisabled(), true);
  // A stranger is not told which instance is served.
  assert.equal(await page.locator('input[name="InstanceId"]').inputValue(), '');
  await explorer.field('InstanceId', 'mosquitto');
  // The call that nobody signed is refused, and explained.
  visit.expectedStatus = 400;
  await explorer.ids('x');
  await explorer.call();
  await explorer.reply().getByRole('heading', {name: 'MissingAccessKeyId'}).waitFor();
  assert.match(await explorer.code('curl'), new RegExp(`${ELSEWHERE}:${own.port}/\\?Action=${BATCH}`));
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await explorer.close();
  await own.stop();
});

test('a broker that stops is said to be gone, and found again', async () => {
  const own = await Broker.start();
  const visit = await browser.open(own.origin, 'live');
  await visit.page.getByText('following live').waitFor();
  await own.stop();
  await visit.page.getByText('The broker does not answer.').waitFor();
  await visit.page.close();  // its console shows the refused connections
});
