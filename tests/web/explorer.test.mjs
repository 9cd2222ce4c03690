// The explorer: from the form to the answer, signed and unsigned, and what becomes of the secret.
import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';

import {key, SECURED, SECURED_FILES, temporaryKey} from './access.mjs';
import {Broker} from './broker.mjs';
import {Browser} from './browser.mjs';
import {ADMIN, API, assertAbsent, BATCH, Explorer, QUERY} from './explorer.mjs';

let local;    // no access file: unsigned calls of this machine are answered
let secured;
let browser;
before(async () => {
  local = await Broker.start();
  secured = await Broker.start({options: SECURED, files: SECURED_FILES});
  for (const broker of [local, secured]) await broker.connect('GID_a@@@on');
  browser = await Browser.launch();
});
after(async () => {
  await browser?.close();
  await local?.stop();
  await secured?.stop();
});

// The parsed answer: the rows of its table, then the names of single facts.
async function told(explorer) {
  const answer = explorer.reply().getByRole('tabpanel');
  await answer.locator('dl').waitFor();
  const texts = async (locator) => (await locator.allInnerTexts()).map((text) => text.replaceAll('\t', ' '));
  return [...await texts(answer.getByRole('row')), ...await texts(answer.locator('dt'))];
}

const rowOf = (explorer, id) => explorer.reply().getByRole('row').filter({hasText: id});

test('unsigned on this machine: a batch, with its time and the age of the snapshot', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  await explorer.ids('GID_a@@@on', 'GID_a@@@off');
  await explorer.call();
  await explorer.status(200);
  await rowOf(explorer, 'GID_a@@@on').getByText('online', {exact: true}).waitFor();
  await rowOf(explorer, 'GID_a@@@off').getByText('offline', {exact: true}).waitFor();
  await explorer.reply().getByText(/\d+\.\d ms, snapshot \d+ ms old/).waitFor();
  await explorer.page.getByRole('tab', {name: 'Raw reply'}).click();
  await explorer.page.getByLabel('Reply headers').getByText('x-acs-request-id').waitFor();
  await explorer.page.getByLabel('Reply body').getByText('"OnlineStatusList"').waitFor();
  await explorer.page.getByRole('tab', {name: 'Request'}).click();
  await explorer.page.getByLabel('Request sent').getByText(`Action=${BATCH}`).waitFor();
  await explorer.close();
});

test('the form is made of the description: another description, another form', async () => {
  const visit = await browser.open(local.origin, 'live');
  await visit.page.route('**/openapi.json', async (route) => {
    const reply = await route.fetch();
    const description = await reply.json();
    description.paths[`/#Action=${QUERY}`].post.parameters.push(
        {name: 'Flavour', in: 'query', required: false, description: 'Of ice.', schema: {type: 'string'}});
    await route.fulfill({response: reply, json: description});
  });
  await visit.page.goto(`${local.origin}/#explorer`);
  const explorer = new Explorer(visit);
  await explorer.pick(API, QUERY);
  await explorer.page.getByText('Of ice.').waitFor();
  await explorer.field('Flavour', 'lemon');
  assert.match(await explorer.code('curl'), /Flavour=lemon/);
  await explorer.close();
});

for (const scheme of ['V1', 'V3']) {
  for (const format of ['JSON', 'XML']) {
    for (const method of ['POST', 'GET']) {
      test(`signed in the browser: ${scheme}, ${method}, ${format}`, async () => {
        const explorer = await Explorer.open(browser, secured.origin);
        await explorer.ids('GID_a@@@on', 'GID_a@@@é ~*+%&=');
        await explorer.sign(scheme, key('reader'));
        await explorer.choose('Method', method);
        await explorer.choose('Format', format);
        await explorer.call();
        await explorer.status(200);
        assert.deepEqual(await told(explorer), [
          'Client State', 'GID_a@@@on online', 'GID_a@@@é ~*+%&= offline', 'RequestId']);
        await explorer.page.getByRole('tab', {name: 'Raw reply'}).click();
        await explorer.page.getByLabel('Reply body').getByText(/OnlineStatusList/).waitFor();
        await explorer.page.getByRole('tab', {name: 'Request'}).click();
        await explorer.page.getByLabel('String to sign').waitFor();
        await explorer.close();
      });
    }
  }
}

test('the form takes as many identifiers as the server, not ten', async () => {
  for (const most of [12, 3]) {
    const broker = await Broker.start({options: [['api_batch_ids_max', `${most}`]]});
    const explorer = await Explorer.open(browser, broker.origin);
    const ids = Array.from({length: most}, (_, i) => `lamp-${i}`);
    await explorer.ids(...ids);
    assert.ok(await explorer.page.getByRole('button', {name: '+ Add'}).isDisabled());
    await explorer.page.getByText(`At most ${most}.`).waitFor();
    await explorer.call();
    await explorer.status(200);
    assert.deepEqual((await told(explorer)).slice(1, -1), ids.map((id) => `${id} offline`));
    await explorer.close();
    await broker.stop();
  }
});

test('an error of the admin service is explained by its status', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  await explorer.pick(ADMIN, QUERY);
  await explorer.field('clientId', 'x');
  const cases = [
    [405, {method: 'PUT'}, 'Use POST or GET.'],
    [415, {headers: {'content-type': 'text/plain'}}, 'Send application/json or application/proto.'],
    [501, {headers: {'content-type': 'application/json', 'content-encoding': 'br'}}, 'Send it uncompressed.'],
  ];
  for (const [status, change, remedy] of cases) {
    explorer.visit.expectedStatus = status;
    await explorer.page.route(`**/*SessionStatusService/${QUERY}`, (route) => route.continue(change), {times: 1});
    await explorer.call();
    await explorer.status(status);
    const alert = explorer.reply().getByRole('alert');
    await alert.getByText(remedy).waitFor();
    await alert.getByText(`Documented as unimplemented, HTTP ${status}.`).waitFor();
  }
  await explorer.close();
});

test('an answer in XML reads like one in JSON', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  const both = async () => {
    const answers = [];
    for (const format of ['JSON', 'XML']) {
      await explorer.choose('Format', format);
      await explorer.call();
      await explorer.status(200);
      answers.push(await told(explorer));
      await explorer.page.getByRole('tab', {name: 'Raw reply'}).click();
      await explorer.page.getByLabel('Reply headers').getByText(`text/xml`).waitFor(
          {state: format === 'XML' ? 'visible' : 'detached'});
      await explorer.page.getByRole('tab', {name: 'Answer'}).click();
    }
    assert.deepEqual(answers[1], answers[0]);
    return answers[0];
  };
  // A list of one, and an identifier that looks like a truth value.
  await explorer.ids('true');
  assert.deepEqual(await both(), ['Client State', 'true offline', 'RequestId']);
  await explorer.ids('GID_a@@@on', '<b>&amp;"\'</b>', ']]>');
  assert.deepEqual(await both(), [
    'Client State', 'GID_a@@@on online', '<b>&amp;"\'</b> offline', ']]> offline', 'RequestId']);
  await explorer.pick(API, QUERY);
  await explorer.field('ClientId', 'GID_a@@@on');
  assert.deepEqual(await both(), ['Client State', 'this client online', 'RequestId', 'OnlineStatus']);
  await explorer.close();
});

test('an error in XML is explained like one in JSON', async () => {
  const explorer = await Explorer.open(browser, secured.origin);
  explorer.visit.expectedStatus = 400;
  await explorer.choose('Format', 'XML');
  const explained = async (code, ...texts) => {
    await explorer.call();
    const alert = explorer.reply().getByRole('alert');
    await alert.getByRole('heading', {name: code, exact: true}).waitFor();
    for (const text of ['What to do:', `Documented as ${code}, HTTP 400.`, ...texts]) {
      await alert.getByText(text).waitFor();
    }
  };
  await explorer.sign('V1', key('reader'));
  await explained('ParameterCheckFailed');
  await explorer.ids('x');
  // The string to sign is full of what XML must escape.
  for (const scheme of ['V1', 'V3']) {
    await explorer.sign(scheme, {...key('reader'), secret: 'another secret'});
    await explained('SignatureDoesNotMatch', 'the server signed the same string as this page');
  }
  await explorer.sign('V3', key('reader'));
  await explorer.page.route(/[?]/, (route) =>
    route.continue({headers: {...route.request().headers(), 'x-acs-date': '2000-01-01T00:00:00Z'}}));
  await explained('InvalidTimeStamp.Expired');
  await explorer.close();
});

test('a reply in broken XML is shown as it is', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  const text = '<Error><Code>Throttling</Code>';
  let status = 200;
  await explorer.page.route(/[?]/, (route) => route.fulfill({status, contentType: 'text/xml;charset=utf-8', body: text}));
  await explorer.ids('x');
  await explorer.call();
  await explorer.page.getByLabel('Reply', {exact: true}).getByText(text).waitFor();
  status = 400;
  explorer.visit.expectedStatus = status;
  await explorer.call();
  await explorer.reply().getByRole('alert').getByRole('heading', {name: 'No answer of this API'}).waitFor();
  await explorer.page.getByRole('tab', {name: 'Raw reply'}).click();
  await explorer.page.getByLabel('Reply body').getByText(text).waitFor();
  // Chromium's parser writes its complaint into its document with inline styles: refused as well.
  assert.deepEqual(explorer.visit.problems.filter((problem) => !/inline style|style-src/.test(problem)), []);
  await explorer.page.close();
});

test('a temporary key with its security token, both signatures, both operations', async () => {
  const explorer = await Explorer.open(browser, secured.origin);
  for (const scheme of ['V1', 'V3']) {
    await explorer.pick(API, QUERY);
    await explorer.field('ClientId', 'GID_a@@@on');
    await explorer.sign(scheme, temporaryKey(secured));
    await explorer.call();
    await explorer.status(200);
    await explorer.reply().getByRole('table').getByText('online', {exact: true}).waitFor();
  }
  await explorer.close();
});

test('the admin service answers in the same form', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  await explorer.pick(ADMIN, BATCH);
  await explorer.ids('GID_a@@@on', 'never');
  await explorer.call();
  await explorer.status(200);
  await rowOf(explorer, 'never').getByText('unknown', {exact: true}).waitFor();
  await explorer.pick(ADMIN, QUERY);  // the identifier goes over
  await explorer.call();
  await explorer.status(200);
  await explorer.reply().getByText('127.0.0.1').waitFor();
  await explorer.pick(ADMIN, 'GetServerStatus');
  await explorer.call();
  await explorer.status(200);
  await explorer.reply().getByText('mosquitto 2.1').waitFor();
  await explorer.close();
});

test('every code of the API is documented with what to do', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  await explorer.page.getByRole('tab', {name: 'Documentation'}).click();
  const {'x-errors': errors} = await (await fetch(`${local.origin}/openapi.json`)).json();
  assert.ok(errors.openapi.length > 30, 'the plugin describes its errors');
  const table = explorer.page.getByRole('region', {name: 'Errors'});
  for (const {code, remedy} of errors.openapi) {
    await table.getByRole('row').filter({hasText: code}).filter({hasText: remedy}).first().waitFor();
  }
  await explorer.close();
});

test('the secret stays in the memory of the page', async () => {
  const secret = key('reader').secret;
  const explorer = await Explorer.open(browser, secured.origin);
  const {page, visit} = explorer;
  await explorer.pick(API, QUERY);
  await explorer.field('ClientId', 'GID_a@@@on');
  for (const scheme of ['V1', 'V3']) {
    await explorer.sign(scheme, key('reader'));
    await explorer.call();
    await explorer.status(200);
    for (const tab of ['Raw reply', 'Request', 'Answer']) {
      await page.getByRole('tab', {name: tab}).click();
      assertAbsent([await page.locator('body').innerText()], secret, `the tab ${tab}`);
    }
    for (const tab of await page.getByRole('tablist', {name: 'Languages'}).getByRole('tab').all()) {
      await tab.click();
      assertAbsent([await page.getByRole('tabpanel').last().innerText()], secret, await tab.innerText());
    }
  }
  assertAbsent(visit.bodies, secret, 'a request');
  assertAbsent([page.url(), await page.evaluate(() => JSON.stringify(history.state))], secret, 'the history');
  assertAbsent(await page.evaluate(async () => [
    JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), document.cookie,
    JSON.stringify(await indexedDB.databases()), JSON.stringify(await caches.keys()), document.title,
  ]), secret, 'storage');
  // What looks at another view and back finds the form empty.
  await page.getByRole('link', {name: 'Live'}).click();
  await page.getByRole('link', {name: 'API explorer'}).click();
  await page.getByRole('radio', {name: /^V1/}).check();
  assert.equal(await page.locator('input[name=secret]').inputValue(), '');
  await explorer.close();
});

test('the form works by keyboard alone', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  const {page} = explorer;
  await page.getByLabel('ClientIdList 1', {exact: true}).focus();
  await page.keyboard.type('GID_a@@@on');
  await page.keyboard.press('Enter');
  await explorer.status(200);
  await page.getByRole('tab', {name: 'Answer'}).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByLabel('Reply headers').waitFor();
  await page.keyboard.press('End');
  await page.getByLabel('Request sent').waitFor();
  await explorer.close();
});

test('without a broker the explorer says so', async () => {
  const own = await Broker.start();
  const explorer = await Explorer.open(browser, own.origin);
  await own.stop();
  await explorer.ids('x');
  await explorer.page.getByRole('button', {name: 'Call', exact: true}).click();
  await explorer.page.getByRole('alert').getByText('Call 1 did not get through').waitFor();
  await explorer.page.close();  // its console shows the refused connection
});

for (const colorScheme of ['light', 'dark']) {
  for (const [device, viewport] of [['wide', {width: 1280, height: 900}], ['phone', {width: 390, height: 844}]]) {
    test(`no accessibility violation before, after and in error: ${colorScheme} and ${device}`, async () => {
      const explorer = await Explorer.open(browser, secured.origin, {colorScheme, viewport});
      const {page, visit} = explorer;
      const check = async (what) => {
        assert.deepEqual(await visit.accessibilityViolations(), [], what);
        const overflow = await page.evaluate(() =>
          document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0, `${what}: the page must not scroll sideways`);
      };
      await check('empty');
      await explorer.ids('GID_a@@@on', 'GID_a@@@off');
      await explorer.sign('V3', key('reader'));
      await explorer.call();
      await explorer.status(200);
      await check('answered');
      await visit.screenshot(`explorer-${colorScheme}-${device}`);
      await explorer.field('secret', 'not the secret');
      visit.expectedStatus = 400;
      await explorer.call();
      await explorer.status(400);
      await explorer.reply().getByRole('alert').waitFor();
      await check('in error');
      await visit.screenshot(`explorer-error-${colorScheme}-${device}`);
      await page.getByRole('tab', {name: 'Documentation'}).click();
      await check('documentation');
      await explorer.close();
    });
  }
}

