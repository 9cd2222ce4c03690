// The generated programs as texts, for identifiers that no form lets through but every language
// could stumble over. What can be run is run, with something in the place of the SDK that tells what
// it was given; the others are cut into literals and the rest (source_text.mjs).
//
// CODEGEN: the generator's source. PAGE: where the page was built, with its packages. CXX: a compiler.
import assert from 'node:assert/strict';
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {after, before, test} from 'node:test';
import {pathToFileURL} from 'node:url';

import {assertBalanced, cut} from './source_text.mjs';

let samples;
let dir;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'session-status-codegen.'));
  const {buildSync} = createRequire(join(process.env.PAGE, 'package.json'))('esbuild');
  const bundle = join(dir, 'codegen.mjs');
  buildSync({entryPoints: [process.env.CODEGEN], outfile: bundle, bundle: true, format: 'esm', logLevel: 'error'});
  ({samples} = await import(pathToFileURL(bundle)));
});
after(() => rmSync(dir, {recursive: true, force: true}));

const PLAIN = Array.from({length: 10}, (_, i) => `GID_a@@@device-${i}`);
const NASTY = [
  `"double" and 'single' """ '''`,
  'back\\slash, \\n \\u0041 \\x41 \\N{BULLET} \\101 \\',
  'line\nfeed, carriage\rreturn, tab\t, \b\f\v',
  '$HOME ${HOME} $(id) `id` {$x} #{x} {0} {{0}} %s %41 !x',
  '😀 𝒳 é 漢',
  '*/ // /* # -- <!-- ?> <?php ]]> </script>',
  '\u0001\u001b\u007f\u0085\u009f\u00ad\u200b\u2028\u2029\u202e\u2066\ufeff',
  '??/ ??= ??( \\\\??/ ?',
  '-rf --json=x',
  ' blanks  and = & ; | ',
];
const INSTANCES = {plain: 'post-cn-0001', nasty: 'post-"cn"-\'1\'\\'};
const HOST = 'broker.example:8443';

const field = (name, list) => ({name, list, required: true, itemsMax: 10, help: ''});
const OPERATIONS = {
  batch: {surface: 'openapi', name: 'BatchQuerySessionByClientIds', path: '/',
          fields: [field('InstanceId', false), field('ClientIdList', true)]},
  query: {surface: 'openapi', name: 'QuerySessionByClientId', path: '/',
          fields: [field('InstanceId', false), field('ClientId', false)]},
  adminBatch: {surface: 'admin', name: 'BatchQuerySessionByClientIds', path: '/service/Batch',
               fields: [field('instanceId', false), field('clientIds', true)]},
  adminQuery: {surface: 'admin', name: 'QuerySessionByClientId', path: '/service/Query',
               fields: [field('instanceId', false), field('clientId', false)]},
};

// The program for `language`, or undefined where there is none.
function program(language, operation, ids, instance, more = {}) {
  const {fields} = OPERATIONS[operation];
  const input = {
    operation: OPERATIONS[operation],
    values: {[fields[0].name]: [instance], [fields[1].name]: fields[1].list ? ids : ids.slice(0, 1)},
    scheme: 'v3', method: 'POST', format: 'JSON', version: '2020-04-20',
    accessKeyId: 'not-to-be-shown', secret: 'not-to-be-shown', securityToken: '', ...more,
  };
  const code = samples(input, {host: HOST, https: true}).find((s) => s.label === language)?.code;
  for (const unfilled of ['undefined', '[object ', 'NaN', 'not-to-be-shown']) {
    assert.ok(!code?.includes(unfilled), `${unfilled} in\n${code}`);
  }
  return code;
}

// Both signed operations, each identifier once alone; with and without a security token.
function* signedCalls() {
  for (const securityToken of ['', 'token']) {
    yield ['batch', NASTY, PLAIN, {securityToken}];
    for (const [i, id] of NASTY.entries()) yield ['query', [id], [PLAIN[i]], {securityToken}];
  }
}

function* calls() {
  yield* signedCalls();
  for (const more of [{scheme: 'unsigned'}, {scheme: 'v1'}, {scheme: 'v1', securityToken: 'token'},
                      {scheme: 'v3', format: 'XML', method: 'GET'}]) {
    yield ['batch', NASTY, PLAIN, more];
    yield ['query', NASTY.slice(2), PLAIN, more];
  }
  yield ['adminBatch', NASTY, PLAIN, {}];
  for (const id of NASTY) yield ['adminQuery', [id], PLAIN, {}];
}

const ENVIRONMENT = {
  ...process.env,
  ALIBABA_CLOUD_ACCESS_KEY_ID: 'the-id',
  ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'the-secret',
  ALIBABA_CLOUD_SECURITY_TOKEN: 'the-token',
};

function write(name, text, mode = 0o600) {
  const path = join(dir, name);
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, text, {mode});
  return path;
}

const run = (command, args, more = {}) =>
  execFileSync(command, args, {encoding: 'utf8', cwd: dir, env: ENVIRONMENT, ...more});

const idsIn = (pairs) => [...pairs].filter(([name]) => /^ClientId/.test(name))
    .sort(([a], [b]) => Number(a.split('.')[1]) - Number(b.split('.')[1])).map(([, value]) => value);

// What a plain HTTP program asked: {url, body}.
function assertAsked({url, body}, operation, ids) {
  const {pathname, searchParams} = new URL(url);
  if (operation.startsWith('admin')) {
    const {clientIds, clientId, instanceId} = JSON.parse(body);
    assert.deepEqual(clientIds ?? [clientId], ids);
    assert.equal(instanceId, INSTANCES.nasty);
    assert.equal(pathname, OPERATIONS[operation].path);
    return;
  }
  assert.deepEqual(idsIn(searchParams), operation === 'batch' ? ids : ids.slice(0, 1));
  assert.equal(searchParams.get('InstanceId'), INSTANCES.nasty);
}

// What an SDK was given: {ids, instance, endpoint, token}.
function assertGiven(given, operation, ids, {securityToken}) {
  assert.deepEqual(given, {ids, instance: INSTANCES.nasty, endpoint: HOST,
                           token: securityToken ? 'the-token' : ''});
}

for (const language of ['Java', 'Go', 'PHP', 'C#']) {
  test(`${language}: identifiers are literals, and nothing else of the program depends on them`, () => {
    for (const [operation, nasty, plain, more] of signedCalls()) {
      const odd = cut(language, program(language, operation, nasty, INSTANCES.nasty, more));
      const even = cut(language, program(language, operation, plain, INSTANCES.plain, more));
      assert.equal(odd.rest, even.rest);
      assertBalanced(odd.rest);
      assert.doesNotMatch(odd.rest.replaceAll('""', ''), /["'`]/);  // there are no other literals
      assert.doesNotMatch(odd.rest, /[^\t\n\x20-\x7e]|\$\{/);
      const swapped = new Map([[INSTANCES.plain, INSTANCES.nasty], ...plain.map((id, i) => [id, nasty[i]])]);
      assert.deepEqual(odd.literals, even.literals.map((literal) => swapped.get(literal) ?? literal));
      assert.deepEqual(odd.literals.filter((literal) => nasty.includes(literal)), nasty);
      assert.ok(odd.literals.includes(INSTANCES.nasty) && odd.literals.includes(HOST));
      assert.equal(odd.literals.includes('ALIBABA_CLOUD_SECURITY_TOKEN'), more.securityToken !== '');
      // Only what the program itself prints is interpolated.
      assert.ok((odd.rest.match(/[$@]""/g) ?? []).length <= (language === 'C#' && operation === 'batch' ? 1 : 0));
    }
  });
}

test('the cutter refuses what compilers refuse', () => {
  for (const [language, text] of [
    ['Java', '"a\nb"'], ['Java', '"\\u000a"'], ['Java', '"\\x41"'], ['Java', '"\\\\\\"'], ['Go', '"\\ud83d\\ude00"'],
    ['Go', '"\ufeff"'], ['Go', '"\\\'"'], ['C#', '"\u2028"'], ['C#', '"\u0085"'], ['C#', '"\\u00"'], ['PHP', "'it's'"],
  ]) {
    assert.throws(() => cut(language, text), `${language}: ${JSON.stringify(text)}`);
  }
  assert.deepEqual(cut('PHP', String.raw`f('a\\b\'c\n$x')`), {literals: [String.raw`a\b'c\n$x`], rest: 'f("")'});
  assert.deepEqual(cut('Java', String.raw`"\\u0041\u0042"`), {literals: [String.raw`\u0041B`], rest: '""'});
  assert.throws(() => assertBalanced('f(a[1)]'));
  assert.throws(() => assertBalanced('{'));
});

// All programs of a language in one run: [what it told, operation, ids, more].
function* toldBy(language, calls, extension, execute) {
  const all = [...calls];
  const paths = all.map(([operation, ids, , more], i) =>
    write(`${language}/program-${i}.${extension}`, program(language, operation, ids, INSTANCES.nasty, more)));
  const told = execute(paths).trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(told.length, all.length);
  for (const [i, [operation, ids, , more]] of all.entries()) yield [told[i], operation, ids, more];
}

// Runs programs one after the other, each to its first call; what is called tells and raises Told.
const PYTHON_RUNNER = `import json, runpy, sys, urllib.request
class Told(Exception):
    pass
def tell(**what):
    print(json.dumps(what))
    raise Told
def urlopen(request):
    tell(url=request.full_url, body=request.data.decode() if request.data else None)
urllib.request.urlopen = urlopen
if __name__ == "__main__":
    sys.modules["runner"] = sys.modules["__main__"]
    for path in sys.argv[1:]:
        try:
            runpy.run_path(path)
        except Told:
            pass
`;

function runPython(paths) {
  run('python3', ['-W', 'error', '-m', 'py_compile', ...paths]);
  return run('python3', [write('runner.py', PYTHON_RUNNER), ...paths]);
}

test('Python: compiles without a warning, and asks for what was meant', () => {
  for (const [told, operation, ids] of toldBy('Python', calls(), 'py', runPython)) assertAsked(told, operation, ids);
});

test('Python SDK: compiles without a warning, and gives the SDK what was meant', () => {
  write('alibabacloud_onsmqtt20200420/__init__.py', '');
  write('alibabacloud_tea_openapi/__init__.py', '');
  const struct = 'class Struct:\n    def __init__(self, **members):\n        self.__dict__ = members\n';
  write('alibabacloud_tea_openapi/models.py', `${struct}Config = Struct\n`);
  write('alibabacloud_onsmqtt20200420/models.py',
        `${struct}BatchQuerySessionByClientIdsRequest = QuerySessionByClientIdRequest = Struct\n`);
  write('alibabacloud_onsmqtt20200420/client.py', `from runner import tell
class Client:
    def __init__(self, config):
        self.config = config
    def batch_query_session_by_client_ids(self, request):
        self.tell(request, request.client_id_list)
    def query_session_by_client_id(self, request):
        self.tell(request, [request.client_id])
    def tell(self, request, ids):
        assert self.config.access_key_id == "the-id" and self.config.access_key_secret == "the-secret"
        tell(ids=ids, instance=request.instance_id, endpoint=self.config.endpoint,
             token=getattr(self.config, "security_token", ""))
`);
  for (const [told, operation, ids, more] of toldBy('Python SDK', signedCalls(), 'py', runPython)) {
    assertGiven(told, operation, ids, more);
  }
});

test('Node.js: asks for what was meant, by itself and by the SDK', () => {
  const runner = write('run.mjs', `
globalThis.tell = (what) => process.stdout.write(JSON.stringify(what) + '\\n');
globalThis.fetch = async (url, {body}) => {
  tell({url, body});
  return {text: async () => '', json: async () => ({})};
};
console.log = () => {};
for (const path of process.argv.slice(2)) await import(path);
`);
  write('node_modules/@alicloud/pop-core/package.json', '{"type": "module", "main": "index.js"}');
  write('node_modules/@alicloud/pop-core/index.js', `
export default class {
  constructor(config) { this.config = config; }
  request(action, {InstanceId, ClientId, ClientIdList}) {
    tell({ids: ClientIdList ?? [ClientId], instance: InstanceId, endpoint: this.config.endpoint,
          token: this.config.securityToken ?? ''});
  }
}
`);
  for (const [told, operation, ids, more] of toldBy('Node.js', calls(), 'mjs', (paths) => run('node', [runner, ...paths]))) {
    if (operation.startsWith('admin') || more.scheme === 'unsigned') {
      assertAsked(told, operation, ids);
    } else {
      assert.deepEqual(told, {ids: operation === 'batch' ? ids : ids.slice(0, 1), instance: INSTANCES.nasty,
                              endpoint: `https://${HOST}`, token: more.securityToken ? 'the-token' : ''});
    }
  }
});

// A command that prints its arguments, each between NULs.
const TELLER = '#!/bin/sh\nprintf "%s\\0" "$@"\n';
const argumentsTold = (output) => output.split('\0').slice(0, -1);

test('curl: asks for what was meant', () => {
  write('bin/curl', TELLER, 0o700);
  const env = {...ENVIRONMENT, PATH: `${join(dir, 'bin')}:${process.env.PATH}`};
  for (const [operation, ids, , more] of calls()) {
    const path = write('program.sh', program('curl', operation, ids, INSTANCES.nasty, more));
    const args = argumentsTold(run('bash', [path], {env}));
    assertAsked({url: args.find((a) => a.startsWith('https://')), body: args[args.indexOf('-d') + 1]}, operation, ids);
  }
});

test('the commands give what was meant, and take no identifier for an option', () => {
  for (const name of ['mosquitto_session', 'aliyun']) write(`bin/${name}`, TELLER, 0o700);
  const env = {...ENVIRONMENT, PATH: `${join(dir, 'bin')}:${process.env.PATH}`};
  for (const operation of ['batch', 'adminBatch', 'query', 'adminQuery']) {
    for (const list of operation.endsWith('atch') ? [NASTY] : NASTY.map((id) => [id])) {
      const args = argumentsTold(run('bash', ['-c', program('CLI', operation, list, INSTANCES.nasty)], {env}));
      const own = [operation.endsWith('atch') ? 'batch' : 'query',
                   ...list.some((id) => id.startsWith('-')) ? ['--'] : [], ...list];
      assert.deepEqual(args.slice(0, own.length), own);
      if (operation.startsWith('admin')) continue;
      const vendors = args.slice(own.length);
      assert.equal(vendors[vendors.indexOf('--InstanceId') + 1], INSTANCES.nasty);
      assert.deepEqual(vendors.filter((_, i) => /^--ClientId/.test(vendors[i - 1] ?? '')), list);
    }
  }
});

// What a compiler is troubled with: all at once; one, and two, which is where C++ may take the list for
// something else.
const COMPILED = [
  ['batch', NASTY, ''], ['batch', NASTY.slice(0, 1), ''], ['batch', NASTY.slice(0, 2), 'token'],
  ['query', NASTY.slice(2), 'token'],
];

// From lines of a name and a string in hexadecimal.
function givenIn(output) {
  const told = output.trim().split('\n').map((line) => line.trim().split(' '));
  const all = (what) => told.filter(([name]) => name === what)
      .map(([, hex]) => Buffer.from(hex ?? '', 'hex').toString());
  return {ids: all('id'), instance: all('instance')[0], endpoint: all('endpoint')[0], token: all('token')[0] ?? ''};
}

// As the vendor's SDK declares it; every string comes out in hexadecimal.
const CPP_CORE = `#pragma once
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>
namespace AlibabaCloud {
inline void InitializeSdk() {}
inline void ShutdownSdk() {}
inline void Tell(const char* what, const std::string& text) {
  std::cout << what << ' ' << std::hex << std::setfill('0');
  for (unsigned char c : text) std::cout << std::setw(2) << static_cast<int>(c);
  std::cout << std::endl;
}
struct ClientConfiguration {
  explicit ClientConfiguration(const std::string&) {}
  void setEndpoint(const std::string& endpoint) { Tell("endpoint", endpoint); }
};
struct Credentials {
  Credentials(const std::string&, const std::string&, const std::string& token) { Tell("token", token); }
};
}
`;
const CPP_CLIENT = `#pragma once
#include <alibabacloud/core/AlibabaCloud.h>
namespace AlibabaCloud { namespace OnsMqtt {
namespace Model {
struct Request {
  void setScheme(const std::string&) {}
  void setInstanceId(const std::string& id) { Tell("instance", id); }
  void setClientIdList(const std::vector<std::string>& ids) { for (const auto& id : ids) Tell("id", id); }
  void setClientId(const std::string& id) { Tell("id", id); }
};
typedef Request BatchQuerySessionByClientIdsRequest;
typedef Request QuerySessionByClientIdRequest;
}
struct Status { std::string clientId; bool onlineStatus; };
struct Result {
  std::vector<Status> getOnlineStatusList() const { return {}; }
  bool getOnlineStatus() const { return false; }
};
struct Error {
  std::string errorCode() const { return ""; }
  std::string errorMessage() const { return ""; }
};
struct Outcome {
  bool isSuccess() const { return false; }
  Result result() const { return Result(); }
  Error error() const { return Error(); }
};
struct OnsMqttClient {
  OnsMqttClient(const std::string&, const std::string&, const ClientConfiguration&) {}
  OnsMqttClient(const Credentials&, const ClientConfiguration&) {}
  Outcome batchQuerySessionByClientIds(const Model::Request&) const { return Outcome(); }
  Outcome querySessionByClientId(const Model::Request&) const { return Outcome(); }
};
} }
`;

test('C++: compiles as C++11, trigraphs included, and gives the SDK what was meant', () => {
  write('include/alibabacloud/core/AlibabaCloud.h', CPP_CORE);
  write('include/alibabacloud/onsmqtt/OnsMqttClient.h', CPP_CLIENT);
  for (const [operation, ids, securityToken] of COMPILED) {
    const path = write('program.cc', program('C++', operation, ids, INSTANCES.nasty, {securityToken}));
    run(process.env.CXX, ['-std=c++11', '-Wall', '-Wextra', '-pedantic-errors', '-Werror', '-Iinclude', path, '-o', 'program']);
    let output;
    assert.throws(() => run(join(dir, 'program'), []), (error) => {
      output = error.stdout;
      return error.status === 1;  // no answer comes from here
    });
    assertGiven(givenIn(output), operation, operation === 'batch' ? ids : ids.slice(0, 1), {securityToken});
  }
});

// Each class of the vendor's that the program names.
const JAVA = {
  'com/aliyun/teaopenapi/models/Config': `public class Config {
  public static void tell(String what, String text) throws java.io.IOException {
    System.out.print(what + ' ');
    for (byte b : text.getBytes("UTF-8")) System.out.printf("%02x", b);
    System.out.println();
  }
  public Config setAccessKeyId(String id) { return this; }
  public Config setAccessKeySecret(String secret) { return this; }
  public Config setSecurityToken(String token) throws java.io.IOException { tell("token", token); return this; }
  public Config setEndpoint(String endpoint) throws java.io.IOException { tell("endpoint", endpoint); return this; }
  public Config setProtocol(String protocol) { return this; }
}`,
  'com/aliyun/onsmqtt20200420/Client': `import com.aliyun.onsmqtt20200420.models.*;
public class Client {
  public Client(com.aliyun.teaopenapi.models.Config config) {}
  public BatchQuerySessionByClientIdsResponse batchQuerySessionByClientIds(BatchQuerySessionByClientIdsRequest r) {
    return new BatchQuerySessionByClientIdsResponse();
  }
  public QuerySessionByClientIdResponse querySessionByClientId(QuerySessionByClientIdRequest r) {
    return new QuerySessionByClientIdResponse();
  }
}`,
  'com/aliyun/teautil/Common': 'public class Common { public static String toJSONString(Object o) { return "{}"; } }',
  ...Object.fromEntries(['BatchQuerySessionByClientIds', 'QuerySessionByClientId'].flatMap((name) => [
    [`com/aliyun/onsmqtt20200420/models/${name}Request`, `import com.aliyun.teaopenapi.models.Config;
public class ${name}Request {
  public ${name}Request setInstanceId(String id) throws Exception { Config.tell("instance", id); return this; }
  public ${name}Request setClientId(String id) throws Exception { Config.tell("id", id); return this; }
  public ${name}Request setClientIdList(java.util.List<String> ids) throws Exception {
    for (String id : ids) Config.tell("id", id);
    return this;
  }
}`],
    [`com/aliyun/onsmqtt20200420/models/${name}Response`, `public class ${name}Response {
  public static class Body { public Object toMap() { return null; } }
  public Body getBody() { return new Body(); }
}`],
  ])),
};

const installed = (command) => spawnSync(command, ['-version']).status === 0;

test('Java, where there is a compiler: compiles, and gives the SDK what was meant', (t) => {
  if (!installed('javac') || !installed('java')) return t.diagnostic('no compiler here: read as text above');
  const sources = Object.entries(JAVA).map(([path, text]) =>
    write(`java/${path}.java`, `package ${dirname(path).replaceAll('/', '.')};\n${text}\n`));
  run('javac', ['-d', 'classes', ...sources]);
  for (const [operation, ids, securityToken] of COMPILED) {
    const path = write('Main.java', program('Java', operation, ids, INSTANCES.nasty, {securityToken}));
    run('javac', ['-encoding', 'UTF-8', '-Werror', '-Xlint', '-cp', 'classes', '-d', 'classes', path]);
    assertGiven(givenIn(run('java', ['-cp', 'classes', 'Main'])), operation,
                operation === 'batch' ? ids : ids.slice(0, 1), {securityToken});
  }
});
