// What the page says and does when something is in its way: a broker that hangs, a connection that died,
// too many tabs, a browser that keeps or copies nothing.
import assert from 'node:assert/strict';
import {connect, createServer} from 'node:net';
import {after, before, test} from 'node:test';

import {Broker, waitFor} from './broker.mjs';
import {activityIs, Browser, ELSEWHERE} from './browser.mjs';
import {Explorer} from './explorer.mjs';

const MISSED = 'Changes were missed: they are not in this list.';

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

const row = (page, id) => page.getByRole('table').getByRole('row').filter({hasText: id});

test('a broker that hangs is told of, in the open client too, with the time of what is shown', async () => {
  const own = await Broker.start();
  const client = await own.connect('lamp');
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  await row(page, 'lamp').getByRole('button', {name: 'lamp', exact: true}).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('online', {exact: true}).first().waitFor();
  own.freeze();
  const said = /The broker does not answer\. What is shown is as of \d\d:\d\d:\d\d\./;
  await dialog.getByRole('alert').filter({hasText: said}).waitFor();
  await page.locator('.trouble').getByText(said).waitFor();
  await page.locator('[role=status]').getByText('no answer', {exact: true}).waitFor();
  assert.equal(await page.getByText('following live').count(), 0);
  own.thaw();
  await dialog.getByRole('alert').waitFor({state: 'detached'});
  await page.locator('[role=status]').getByText('following live').waitFor();
  await client.disconnect();
  await dialog.locator('.state').getByText('offline', {exact: true}).waitFor();
  await visit.close();
  await own.stop();
});

// Between browser and broker; can go silent on the connections that follow the feed, and end none.
async function startProxy(port, t) {
  const feeds = new Set();
  const sockets = new Set();
  const server = createServer((browserSide) => {
    const brokerSide = connect(port, '127.0.0.1');
    for (const socket of [browserSide, brokerSide]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    browserSide.on('data', (data) => {
      if (data.includes('GET /v1/changes')) feeds.add(brokerSide);
      brokerSide.write(data);
    });
    brokerSide.on('data', (data) => browserSide.write(data));
    browserSide.on('close', () => brokerSide.destroy());
    brokerSide.on('close', () => browserSide.destroy());
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    feeds: () => feeds.size,
    silence: () => {
      for (const brokerSide of feeds) brokerSide.removeAllListeners('data').pause();
    },
  };
}

test('a feed that has died without an end is opened anew, and what was missed is shown', async (t) => {
  const proxy = await startProxy(broker.port, t);
  const visit = await browser.open(proxy.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  const before = await broker.connect('told');
  await row(page, 'told').getByText('online', {exact: true}).waitFor();
  assert.equal(proxy.feeds(), 1);
  proxy.silence();
  await broker.connect('missed');
  await before.disconnect();
  await row(page, 'missed').getByText('online', {exact: true}).waitFor();
  await row(page, 'told').getByText('offline', {exact: true}).waitFor();
  await page.getByText('following live').waitFor();
  assert.equal(proxy.feeds(), 2);
  // And goes on.
  await broker.connect('later');
  await row(page, 'later').getByText('online', {exact: true}).waitFor();
  await activityIs(page, ['later came online', MISSED, 'told came online']);
  await visit.close();
});

// Half a minute of nobody looking, in less.
const impatient = () => {
  const real = window.setTimeout;
  window.setTimeout = (f, ms, ...rest) => real(f, ms >= 10_000 ? ms / 100 : ms, ...rest);
  let away = false;
  Object.defineProperty(document, 'hidden', {get: () => away});
  window.look = (here) => {
    away = !here;
    document.dispatchEvent(new Event('visibilitychange'));
  };
};

test('tabs that nobody looks at leave the connections to the others, and are up to date when looked at', async () => {
  const own = await Broker.start();
  const tabs = [];
  // A browser has six connections for all tabs of one origin.
  for (let i = 0; i < 7; ++i) {
    const tab = await browser.open(own.origin, 'live', {prepare: impatient});
    tabs.push(tab);
    await tab.page.getByText('following live').waitFor();
    await tab.page.evaluate(() => window.look(false));
    await waitFor('the tab lets go', async () => await own.followers() === 0);
    await tab.page.getByText('connecting …').waitFor({state: 'attached'});
  }
  await own.connect('came-meanwhile');
  const [first] = tabs;
  assert.equal(await row(first.page, 'came-meanwhile').count(), 0);
  await first.page.evaluate(() => window.look(true));
  await first.page.getByText('following live').waitFor();
  await activityIs(first.page, [MISSED]);
  await row(first.page, 'came-meanwhile').getByText('online', {exact: true}).waitFor();
  assert.equal(await own.followers(), 1);
  for (const tab of tabs) await tab.close();
  await own.stop();
});

test('a browser that keeps nothing shows everything', async () => {
  await broker.connect('unkept');
  const visit = await browser.open(broker.origin, 'live', {prepare: () => {
    Object.defineProperty(window, 'localStorage', {
      get() { throw new DOMException('Access is denied for this document.', 'SecurityError'); }});
  }});
  const {page} = visit;
  await page.getByText('following live').waitFor();
  await page.getByRole('table').getByRole('button', {name: 'Watch unkept'}).click();
  await page.locator('.watch li', {hasText: 'unkept'}).getByText('online', {exact: true}).waitFor();
  await page.getByRole('button', {name: 'Colours: auto'}).click();
  await page.getByRole('button', {name: 'Colours: light'}).waitFor();
  await visit.close();
});

async function copyIsSelected(explorer) {
  const {page} = explorer;
  const code = page.locator('.code').first();
  await code.getByRole('button', {name: 'Copy'}).click();
  await code.getByRole('button', {name: 'Press Ctrl+C'}).waitFor();
  const shown = await code.locator('code').evaluate((c) => c.textContent);
  assert.ok(shown.length > 0);
  assert.equal((await page.evaluate(() => getSelection().toString())).trim(), shown.trim());
}

test('where the browser has no clipboard for the page the text is selected, and not called copied', async () => {
  const explorer = await Explorer.open(browser, `http://${ELSEWHERE}:${broker.port}`,
    {expectedText: 'Cross-Origin-Opener-Policy header has been ignored', expectedStatus: 403});
  assert.equal(await explorer.page.evaluate(() => navigator.clipboard), undefined);
  await copyIsSelected(explorer);
  await explorer.close();
});

test('a clipboard that refuses has not copied', async () => {
  const explorer = await Explorer.open(browser, broker.origin, {prepare: () => {
    navigator.clipboard.writeText = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  }});
  await copyIsSelected(explorer);
  await explorer.close();
});

test('what is copied is called copied', async () => {
  const explorer = await Explorer.open(browser, broker.origin, {prepare: () => {
    navigator.clipboard.writeText = async (text) => { window.copied = text; };
  }});
  const code = explorer.page.locator('.code').first();
  await code.getByRole('button', {name: 'Copy'}).click();
  await code.getByRole('button', {name: 'Copied'}).waitFor();
  assert.equal(await explorer.page.evaluate(() => window.copied), await code.locator('code').evaluate((c) => c.textContent));
  await explorer.close();
});
