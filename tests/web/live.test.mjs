// The live view, with real clients that come and go.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {Broker, waitFor} from './broker.mjs';
import {activityIs, Browser} from './browser.mjs';

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
const tile = (page, label) => page.locator('.tile', {hasText: label}).locator('dd');

test('a client that connects appears at once, and its end with the reason', async () => {
  const visit = await browser.open(broker.origin, 'live');
  await visit.page.getByText('following live').waitFor();
  const client = await broker.connect('GID_meters@@@one', ['-V', 'mqttv5']);
  await row(visit.page, 'GID_meters@@@one').getByText('online', {exact: true}).waitFor();
  await tile(visit.page, 'Online').filter({hasText: '1'}).waitFor();
  await client.disconnect();
  await row(visit.page, 'GID_meters@@@one').getByText('client disconnect').waitFor();
  await row(visit.page, 'GID_meters@@@one').getByText('offline', {exact: true}).waitFor();
  await tile(visit.page, 'Online').filter({hasText: '0'}).waitFor();
  await visit.page.locator('.activity').getByText('went offline: client disconnect').waitFor();
  await visit.close();
});

test('a kept session is told apart from an ended one', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const client = await broker.connect('keeper', ['-c', '-q', '1']);
  await row(visit.page, 'keeper').getByText('online', {exact: true}).waitFor();
  await client.disconnect();
  await row(visit.page, 'keeper').getByText('session kept').waitFor();
  await visit.close();
});

test('search narrows the table by prefix and by state', async () => {
  await broker.connect('alpha-1');
  await broker.connect('alpha-2');
  await broker.connect('beta-1');
  const visit = await browser.open(broker.origin, 'live');
  await row(visit.page, 'beta-1').waitFor();
  await visit.page.getByLabel('Identifier begins with').fill('alpha');
  await row(visit.page, 'beta-1').waitFor({state: 'detached'});
  assert.equal(await row(visit.page, 'alpha').count(), 2);
  await visit.page.getByLabel('State').selectOption({label: 'offline'});
  await visit.page.getByText('No client matches.').waitFor();
  await visit.page.getByLabel('Identifier begins with').fill('');
  await row(visit.page, 'GID_meters@@@one').waitFor();
  await visit.close();
});

test('filters that are set within one typing pause all count', async () => {
  await broker.connect('paused-1');
  await broker.connect('other-1');
  await (await broker.connect('paused-2')).disconnect();
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await row(page, 'paused-2').waitFor();
  await page.evaluate(() => {
    const set = (selector, value, type) => {
      const input = document.querySelector(selector);
      input.value = value;
      input.dispatchEvent(new Event(type, {bubbles: true}));
    };
    set('.filters input', 'paused', 'input');
    set('.filters select', 'SESSION_STATE_ONLINE', 'change');
  });
  await row(page, 'paused-2').waitFor({state: 'detached'});
  await row(page, 'other-1').waitFor({state: 'detached'});
  await row(page, 'paused-1').waitFor();
  await visit.close();
});

test('the filters stay in force while clients come and go', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  const address = page.getByLabel('Address or network');
  // Listed means that the filter is in force: whoever comes later is told of by the feed.
  const filtered = async (change) => {
    const listed = page.waitForResponse((r) => r.url().endsWith('/ListSessions') && r.ok());
    await change();
    await listed;
    await page.locator('[aria-label="Table of clients"][aria-busy=false]').waitFor();
  };
  await filtered(() => page.getByLabel('Identifier begins with').fill('held-'));
  for (const network of ['127.0.0.0/8', '::ffff:127.0.0.1', '0:0:0:0:0:FFFF:7F00:0/104']) {
    await filtered(() => address.fill(network));
    const id = `held-by-${network.length}`;
    await broker.connect(id);
    await row(page, id).getByText('online', {exact: true}).waitFor();
  }
  await filtered(() => address.fill('10.0.0.0/8'));
  await filtered(() => address.fill(''));
  await filtered(() => page.getByLabel('State').selectOption({label: 'online'}));
  const leaver = await broker.connect('held-leaver');
  await row(page, 'held-leaver').waitFor();
  await leaver.disconnect();
  await row(page, 'held-leaver').waitFor({state: 'detached'});
  assert.equal(await row(page, 'held-by-').count(), 3);
  await broker.connect('held-leaver');
  await row(page, 'held-leaver').getByText('online', {exact: true}).waitFor();
  await visit.close();
});

test('who goes offline joins a filtered table with address and version, by network as well', async () => {
  const own = await Broker.start();
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  const filtered = async (label, change) => {
    const listed = page.waitForResponse((r) => r.url().endsWith('/ListSessions') && r.ok());
    await change(page.getByLabel(label));
    await listed;
    await page.locator('[aria-label="Table of clients"][aria-busy=false]').waitFor();
  };
  // Not told in one go: it is not known any more from where he came.
  const leave = async (id) => {
    const told = page.locator('.activity li').filter({hasText: id});
    const client = await own.connect(id, ['-V', 'mqttv5']);
    await told.getByText('came online').waitFor();
    await client.disconnect();
    await told.getByText(/^went offline/).waitFor();
  };
  const cells = (id) => row(page, id).getByRole('cell').allInnerTexts();
  await filtered('State', (select) => select.selectOption({label: 'offline'}));
  for (const network of ['', '127.0.0.0/8']) {
    if (network) await filtered('Address or network', (input) => input.fill(network));
    const id = `left-${network.length}`;
    await leave(id);
    await row(page, id).getByRole('cell', {name: '127.0.0.1', exact: true}).waitFor();
    const [, state, , address, why, version] = await cells(id);
    assert.deepEqual([state, address, why, version], ['offline', '127.0.0.1', 'client disconnect', '5']);
  }
  // Who is of another network is asked for as well, and stays away.
  await filtered('Address or network', (input) => input.fill('10.0.0.0/8'));
  const asked = page.waitForResponse((r) => r.url().endsWith('/QuerySessionByClientId')
    && r.request().postDataJSON().clientId === 'left-elsewhere');
  await leave('left-elsewhere');
  await asked;
  await page.getByText('No client matches.').waitFor();
  await visit.close();
  await own.stop();
});

test('an identifier with characters that nobody sees does not pass for another', async () => {
  const own = await Broker.start();
  const ids = {'pump\u200b-7': 'pump\\u{200b}-7', '\u202epmal': '\\u{202e}pmal', 'pump-7 ': 'pump-7\\u{20}'};
  for (const id of ['pump-7', ...Object.keys(ids)]) await own.connect(id);
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  for (const [id, shown] of Object.entries(ids)) {
    const button = page.getByRole('table').getByRole('button', {name: shown, exact: true});
    assert.equal(await button.innerText(), shown);
    assert.equal(await button.getAttribute('title'), shown);
    assert.equal(await button.evaluate((b) => getComputedStyle(b).unicodeBidi), 'isolate');
    // It is that client that opens, and is watched.
    const asked = page.waitForRequest((r) => r.url().endsWith('/QuerySessionByClientId') && r.postDataJSON().clientId === id);
    await button.click();
    await asked;
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByRole('heading').first().innerText(), shown);
    await dialog.getByText('online', {exact: true}).first().waitFor();
    await dialog.getByRole('button', {name: 'Close'}).click();
    await page.getByRole('table').getByRole('button', {name: `Watch ${shown}`, exact: true}).click();
    await page.locator('.watch').getByRole('button', {name: `Watch ${shown}`, exact: true}).waitFor();
  }
  assert.deepEqual(new Set(await page.evaluate(() => JSON.parse(localStorage['session-status-watch']))),
                   new Set(Object.keys(ids)));
  await visit.close();
  await own.stop();
});

test('a bad filter is refused with the reason', async () => {
  const visit = await browser.open(broker.origin, 'live');
  visit.expectedStatus = 400;
  await visit.page.getByLabel('Address or network').fill('10.0.0.0/99');
  await visit.page.getByRole('alert').waitFor();
  await visit.close();
});

test('one client opens with everything that is known, by keyboard alone', async () => {
  await broker.connect('detail-1', ['-k', '30', '-u', 'alice']);
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  const button = row(page, 'detail-1').getByRole('button', {name: 'detail-1', exact: true});
  await button.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('alice').waitFor();
  await dialog.getByRole('definition').filter({hasText: '127.0.0.1'}).waitFor();
  await dialog.getByText(/within \d+ s/).waitFor();
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await page.keyboard.press('Escape');
  await dialog.waitFor({state: 'detached'});
  await visit.close();
});

test('the watch list follows its members and is still there after a reload', async () => {
  const client = await broker.connect('watched-1');
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await page.getByRole('table').getByRole('button', {name: 'Watch watched-1'}).click();
  const item = page.locator('.watch li', {hasText: 'watched-1'});
  await item.getByText('online', {exact: true}).waitFor();
  await client.disconnect();
  await item.getByText('offline', {exact: true}).waitFor();
  await page.reload();
  await item.getByText('offline', {exact: true}).waitFor();
  await item.getByRole('button', {name: 'Watch watched-1'}).click();
  await item.waitFor({state: 'detached'});
  await visit.close();
});

test('after a restart of the broker the table and the watch list are those of its new life', async () => {
  const own = await Broker.start();
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  visit.expectedText = 'ERR_';  // nobody answers while the broker is down
  await page.getByText('following live').waitFor();
  // Later than anything that the new life will have numbered, and remembered by the page.
  for (let i = 0; i < 4; ++i) await (await own.connect('comes-back')).disconnect();
  await row(page, 'comes-back').getByText('offline', {exact: true}).waitFor();
  await page.getByRole('table').getByRole('button', {name: 'Watch comes-back'}).click();
  const item = page.locator('.watch li', {hasText: 'comes-back'});
  await item.getByText('offline', {exact: true}).waitFor();
  // The feed is let through when it cannot tell of the new connection any more.
  let release;
  const released = new Promise((resolve) => { release = resolve; });
  await page.route('**/v1/changes', async (route) => {
    await released;
    await route.continue();
  });
  await own.halt();
  await page.getByText('connecting …').waitFor();
  await own.run();
  await own.connect('comes-back');
  const listed = page.waitForResponse((r) => r.url().endsWith('/ListSessions') && r.ok());
  release();
  await page.getByText('following live').waitFor();
  await listed;
  await item.getByText('online', {exact: true}).waitFor();
  await page.locator('[aria-label="Table of clients"][aria-busy=false]').waitFor();
  await row(page, 'comes-back').getByText('online', {exact: true}).waitFor();
  // The sequence of "afterwards" is one that the old life had as well.
  await own.connect('afterwards');
  await activityIs(page, [
    'afterwards came online',
    'The broker was started anew: what happened meanwhile is not in this list.',
    ...Array(4).fill(['comes-back went offline: client disconnect', 'comes-back came online']).flat()]);
  await visit.close();
  await own.stop();
});

test('a feed that was answered with an error is asked for again, and shows what came meanwhile', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  visit.expectedStatus = 502;
  let asked = 0;
  // The connection breaks; a proxy says that nobody is there; then the feed is back.
  await page.route('**/v1/changes', async (route) => {
    ++asked;
    if (asked === 1) return route.fulfill({contentType: 'text/event-stream', body: ''});
    if (asked > 2) return route.continue();
    await broker.connect('came-meanwhile');
    return route.fulfill({status: 502, body: 'Bad Gateway'});
  });
  await page.reload();
  await row(page, 'came-meanwhile').getByText('online', {exact: true}).waitFor();
  await page.getByText('following live').waitFor();
  const client = await broker.connect('comes-after');
  await row(page, 'comes-after').getByText('online', {exact: true}).waitFor();
  await client.disconnect();
  await row(page, 'comes-after').getByText('offline', {exact: true}).waitFor();
  await visit.close();
});

test('clients whose connections break are named, the worst first, with the reason', async () => {
  const own = await Broker.start();
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  const flapping = page.getByRole('region', {name: 'Flapping'});
  const item = (id) => flapping.getByRole('listitem').filter({hasText: id});
  await flapping.getByText('No connection has broken or been taken over.').waitFor();
  await (await own.connect('calm')).disconnect();
  await (await own.connect('twin')).takeOver();
  for (let i = 0; i < 3; ++i) await (await own.connect('flapper')).drop();
  await item('twin').getByText('1 flap', {exact: true}).waitFor();
  await item('twin').getByText(/^last .*, taken over, 127\.0\.0\.1$/).waitFor();
  await item('flapper').getByText('3 flaps', {exact: true}).waitFor();
  await item('flapper').getByText(/^last .*, network error, 127\.0\.0\.1$/).waitFor();
  assert.deepEqual(await flapping.getByRole('button').allInnerTexts(), ['flapper', 'twin']);
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await item('flapper').getByRole('button').click();
  await page.getByRole('dialog').getByRole('heading', {name: 'History, 3 flaps'}).waitFor();
  await visit.close();
  await own.stop();
});

test('the history of one client is from before the page, and goes on while it is shown', async () => {
  await (await broker.connect('story')).drop();
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await row(page, 'story').getByRole('button', {name: 'story', exact: true}).click();
  const dialog = page.getByRole('dialog');
  const entries = dialog.locator('.history li');
  const newest = (text) => entries.first().filter({hasText: text}).waitFor();
  await newest('offline, network error · 127.0.0.1');
  await dialog.getByRole('heading', {name: 'History, 1 flap', exact: true}).waitFor();
  assert.equal(await entries.count(), 2);
  const first = await broker.connect('story', ['-V', 'mqttv5']);
  await newest('online · 127.0.0.1');
  const second = await first.takeOver();
  await newest('taken over by a newer connection');
  await dialog.getByRole('heading', {name: 'History, 2 flaps'}).waitFor();
  await second.disconnect();
  await newest('offline, client disconnect');
  const told = (await entries.allInnerTexts()).map((text) => text.replace(/^[\d:]+\s+/, ''));
  assert.deepEqual(told, [
    'offline, client disconnect · 127.0.0.1',
    'taken over by a newer connection of the same client · 127.0.0.1',
    'online · 127.0.0.1',
    'offline, network error · 127.0.0.1',
    'online · 127.0.0.1',
  ]);
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await visit.close();
});

test('a history that is cut says from when on it is whole', async () => {
  const own = await Broker.start({options: [['history_entries_max', '2']]});
  for (let i = 0; i < 2; ++i) await (await own.connect('chatty')).disconnect();
  const visit = await browser.open(own.origin, 'live');
  await row(visit.page, 'chatty').getByRole('button', {name: 'chatty', exact: true}).click();
  const dialog = visit.page.getByRole('dialog');
  await dialog.getByText(/^What happened before .* may be missing\.$/).waitFor();
  assert.equal(await dialog.locator('.history li').count(), 2);
  await visit.close();
  await own.stop();
});

test('flapping and history that are switched off name the option that turns them on', async () => {
  const own = await Broker.start({options: [['flappers_max', '0'], ['history_bytes_max', '0']]});
  await (await own.connect('broken')).drop();
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  const flapping = page.getByRole('region', {name: 'Flapping'});
  await flapping.getByText("Off: the plugin's option flappers_max is 0. A larger number turns it on.").waitFor();
  assert.equal(await flapping.getByText('No connection has broken').count(), 0);
  await row(page, 'broken').getByRole('button', {name: 'broken', exact: true}).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText("Off: the plugin's option history_bytes_max is 0. A larger number turns it on.").waitFor();
  assert.equal(await dialog.getByText('Nothing is remembered.').count(), 0);
  assert.deepEqual(await visit.accessibilityViolations(), []);
  await visit.close();
  await own.stop();
});

test('what no event told of is called found, at the start or by the audit', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  await page.getByText('following live').waitFor();
  // No broker loses events to order.
  const repaired = (sequence, clientId, state) => ({
    sequence, clientId, state, kind: 'CHANGE_KIND_REPAIRED', timeMs: String(Date.now()), incarnation: '1'});
  const changes = [repaired('901', 'lost', 'SESSION_STATE_OFFLINE'),
                   {...repaired('902', 'ended', 'SESSION_STATE_OFFLINE'), endReason: 'END_REASON_BROKER_RESTART'},
                   repaired('903', 'missed', 'SESSION_STATE_ONLINE'),
                   repaired('904', 'held', 'SESSION_STATE_OFFLINE_SESSION_KEPT')];
  await page.route('**/v1/changes', (route) => route.fulfill({
    contentType: 'text/event-stream',
    body: changes.map((change) => `event: change\ndata: ${JSON.stringify(change)}\n\n`).join('')}), {times: 1});
  await page.route('**/GetHistory', (route) => route.fulfill({json: {entries: changes.slice(0, 3).reverse()}}));
  await page.reload();
  const said = (id, text) =>
    page.locator('.activity li').filter({hasText: id}).first().getByText(text, {exact: true}).waitFor();
  await said('lost', 'was found offline');
  await said('ended', 'was found offline: broker restart');
  await said('missed', 'was found online');
  await said('held', 'was found offline, session kept');
  await page.locator('.activity').getByRole('button', {name: 'lost', exact: true}).first().click();
  const entries = page.getByRole('dialog').locator('.history li');
  await entries.first().waitFor();
  assert.deepEqual((await entries.allInnerTexts()).map((text) => text.replace(/^[\d:]+\s+/, '')),
                   ['found online', 'found offline, broker restart', 'found offline']);
  await visit.close();
});

test('the audit tile tells that nothing had to be repaired', async () => {
  await broker.connect('audited');
  const visit = await browser.open(broker.origin, 'live');
  await tile(visit.page, 'Audit drift').filter({hasText: /^0repaired, in [1-9][\d,.KM]* checks$/}).waitFor();
  await visit.close();
});

test('the audit tile adds up what was repaired', async () => {
  const visit = await browser.open(broker.origin, 'live');
  // No broker loses events to order.
  await visit.page.route('**/GetAudit', (route) => route.fulfill({
    json: {enabled: true, checks: '12345', repairedEnds: '2', repairedConnects: '1'}}));
  await tile(visit.page, 'Audit drift').filter({hasText: '3repaired, in 12.3K checks'}).waitFor();
  await visit.close();
});

test('an audit that is switched off is not shown as without fault', async () => {
  const own = await Broker.start({options: [['audit_period', '0s']]});
  const visit = await browser.open(own.origin, 'live');
  await tile(visit.page, 'Audit drift').filter({hasText: 'offsee audit_period'}).waitFor();
  await visit.close();
  await own.stop();
});

test('the counts by reason, protocol and listener are those of the broker', async () => {
  await broker.connect('modern', ['-V', 'mqttv5']);
  const visit = await browser.open(broker.origin, 'live');
  await visit.page.locator('.bars', {hasText: 'Why connections ended'}).getByText('client disconnect').waitFor();
  await visit.page.locator('.bars', {hasText: 'Online by protocol'}).getByText('MQTT 5').waitFor();
  await visit.page.locator('.bars', {hasText: 'Online by listener'}).getByText(`port ${broker.mqttPort}`).waitFor();
  await visit.close();
});

test('an endless identifier leaves the page as wide as it was, and is whole where it opens', async () => {
  const own = await Broker.start();
  const id = `endless-${'x'.repeat(20_000)}`;
  await own.connect(id);
  await own.connect('short');
  const visit = await browser.open(own.origin, 'live');
  const {page} = visit;
  await row(page, 'short').waitFor();
  const button = row(page, 'endless-').getByRole('button', {name: id, exact: true});
  const table = await page.getByRole('table').evaluate((t) => [t.offsetWidth, t.parentElement.clientWidth]);
  assert.ok(table[0] <= table[1], `${table[0]} px in ${table[1]} px`);
  assert.ok((await button.boundingBox()).height < 40);
  assert.equal(await button.getAttribute('title'), id);
  await button.click();
  assert.equal(await page.getByRole('dialog').getByRole('heading').first().innerText(), id);
  await visit.close();
  await own.stop();
});

for (const colorScheme of ['light', 'dark']) {
  for (const [device, viewport] of [['wide', {width: 1280, height: 900}], ['phone', {width: 390, height: 844}]]) {
    test(`no accessibility violation, ${colorScheme} and ${device}`, async () => {
      const visit = await browser.open(broker.origin, 'live', {colorScheme, viewport});
      await row(visit.page, 'alpha-1').waitFor();
      await waitFor('two samples', async () => (await visit.page.locator('path.line-a').first().getAttribute('d'))?.includes('L'));
      assert.deepEqual(await visit.accessibilityViolations(), []);
      const overflow = await visit.page.evaluate(() =>
        document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(overflow, 0, 'the page must not scroll sideways');
      await visit.screenshot(`live-${colorScheme}-${device}`);
      await visit.close();
    });
  }
}

test('the colours follow the button and stay', async () => {
  const visit = await browser.open(broker.origin, 'live');
  const {page} = visit;
  const coloured = (theme) => page.waitForFunction(
    (wanted) => document.documentElement.dataset.theme === wanted, theme);
  await coloured(undefined);
  await page.getByRole('button', {name: 'Colours: auto'}).click();
  await coloured('light');
  await page.getByRole('button', {name: 'Colours: light'}).click();
  await coloured('dark');
  await page.reload();
  await coloured('dark');
  await page.getByRole('button', {name: 'Colours: dark'}).waitFor();
  await visit.close();
});
