// The generated programs, taken from the page as a person copies them, run for real.
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {after, before, test} from 'node:test';

import {key, SECURED, SECURED_FILES, temporaryKey} from './access.mjs';
import {Broker, run} from './broker.mjs';
import {Browser} from './browser.mjs';
import {ADMIN, API, BATCH, Explorer, QUERY} from './explorer.mjs';

// What shells and languages stumble over.
const NASTY = `GID_a@@@it's "$HOME" \`id\` \\n {x} %41+é😀`;
const ONLINE = 'GID_a@@@on';

let local;
let secured;
let browser;
let dir;
before(async () => {
  local = await Broker.start();
  secured = await Broker.start({options: SECURED, files: SECURED_FILES});
  for (const broker of [local, secured]) {
    await broker.connect(ONLINE);
    await broker.connect(NASTY);
  }
  browser = await Browser.launch();
  // Beside the tests' node_modules, where the programs find the SDK.
  dir = mkdtempSync(join(process.cwd(), 'programs.'));
});
after(async () => {
  await browser?.close();
  await local?.stop();
  await secured?.stop();
  if (dir) rmSync(dir, {recursive: true, force: true});
});

const COMMANDS = {
  curl: ['bash', 'program.sh'],
  Python: ['python3', 'program.py'],
  'Node.js': ['node', 'program.mjs'],
};

async function execute(language, code, env) {
  const [command, file] = COMMANDS[language];
  const path = join(dir, file);
  writeFileSync(path, code);
  const {stdout} = await run(command, [path], {env: {...process.env, ...env}});
  return stdout;
}

const environment = ({id, secret, token}) => ({
  ALIBABA_CLOUD_ACCESS_KEY_ID: id,
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: secret,
  ALIBABA_CLOUD_SECURITY_TOKEN: token,
});

// Python and Node.js print their own notation of the same values.
const truths = (text) => (text.match(/true|True/g) ?? []).length;

async function everyProgram(explorer, env, expected) {
  for (const language of Object.keys(COMMANDS)) {
    const output = await execute(language, await explorer.code(language), env);
    assert.equal(truths(output), expected, `${language}: ${output}`);
  }
}

const permanent = () => key('reader');
const temporary = () => temporaryKey(secured);
const WAYS = [
  ['unsigned', 'unsigned', () => local],
  ['V1', 'V1', () => secured, permanent],
  ['V3', 'V3', () => secured, permanent],
  ['V1 with a temporary key', 'V1', () => secured, temporary],
  ['V3 with a temporary key', 'V3', () => secured, temporary],
];

for (const [name, scheme, broker, makeKey] of WAYS) {
  test(`curl, Python and Node.js run: ${name}`, async () => {
    const explorer = await Explorer.open(browser, broker().origin);
    const credentials = makeKey?.() ?? {id: '', secret: '', token: ''};
    if (makeKey) await explorer.sign(scheme, credentials);
    else await explorer.field('InstanceId', 'mosquitto');
    await explorer.pick(API, BATCH);
    await explorer.ids(ONLINE, NASTY, 'GID_a@@@off');
    await everyProgram(explorer, environment(credentials), 2);
    await explorer.choose('Method', 'GET');
    await explorer.pick(API, QUERY);
    await explorer.field('ClientId', NASTY);
    await everyProgram(explorer, environment(credentials), 1);
    await explorer.close();
  });
}

test('curl, Python and Node.js run: the admin service', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  await explorer.pick(ADMIN, BATCH);
  await explorer.ids(ONLINE, NASTY, 'never');
  await everyProgram(explorer, {}, 2);
  await explorer.close();
});

test('the CLI commands run', async () => {
  const explorer = await Explorer.open(browser, local.origin);
  const env = {...process.env, MOSQUITTO_SESSION_SOCKET: local.socket};
  const cli = async () => {
    const own = (await explorer.code('CLI')).split('\n').find((line) => line.startsWith('mosquitto_session '));
    const {stdout} = await run('bash', ['-c', own.replace('mosquitto_session', process.env.CLI)], {env});
    return stdout;
  };
  await explorer.pick(ADMIN, BATCH);
  await explorer.ids(ONLINE, NASTY);
  assert.equal(((await cli()).match(/ online/g) ?? []).length, 2);
  await explorer.ids('--json');  // an identifier, not an option
  assert.match(await cli(), /^--json +unknown/m);
  await explorer.pick(ADMIN, QUERY);
  await explorer.field('clientId', NASTY);
  assert.match(await cli(), /state +online/);
  await explorer.pick(ADMIN, 'GetServerStatus');
  assert.match(await cli(), /mosquitto 2\.1/);
  await explorer.close();
});

test('every language that the vendor has an SDK for is offered, with what to install', async () => {
  const explorer = await Explorer.open(browser, secured.origin);
  await explorer.sign('V3', key('reader'));
  for (const [language, install, marks] of [
    ['Python SDK', 'alibabacloud_onsmqtt20200420', ['batch_query_session_by_client_ids']],
    ['Java', 'com.aliyun:onsmqtt20200420', ['batchQuerySessionByClientIds', 'setEndpoint']],
    ['Go', 'github.com/alibabacloud-go/onsmqtt-20200420', ['BatchQuerySessionByClientIds(']],
    ['PHP', 'alibabacloud/onsmqtt-20200420', ['batchQuerySessionByClientIds(']],
    ['C#', 'AlibabaCloud.SDK.OnsMqtt20200420', ['BatchQuerySessionByClientIds(']],
    ['C++', 'aliyun-openapi-cpp-sdk', ['batchQuerySessionByClientIds(']],
  ]) {
    const code = await explorer.code(language);
    for (const mark of [...marks, `127.0.0.1:${secured.port}`, 'ALIBABA_CLOUD_ACCESS_KEY_ID']) {
      assert.ok(code.includes(mark), `${language}: ${mark} in\n${code}`);
    }
    await explorer.page.getByText(`Needs: `).filter({hasText: install}).waitFor();
  }
  await explorer.close();
});
