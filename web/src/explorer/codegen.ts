// Ready-to-paste programs for the call in the form. Keys are read from the environment, never
// written down. tests/web runs the curl, Python and Node.js programs against a real broker; the
// others use the vendor's published packages by their documented names, and what an identifier could
// do to them is tested without those packages.
import {adminBody, type Input, operationPairs, type Scheme} from './request';
import {canonicalQuery, type Pairs, percentEncode} from './sign';

export interface Sample {
  id: string;
  label: string;
  install: string; // empty: nothing to install
  code: string;
}

interface Target {
  host: string; // with port
  https: boolean;
}

interface Context {
  input: Input;
  target: Target;
  origin: string;
  pairs: Pairs;
  batch: boolean;
  instanceId: string;
  ids: string[];
  token: boolean; // a temporary key, so a security token goes with it
}

type Generator = (c: Context) => string;

const KEY_ID = 'ALIBABA_CLOUD_ACCESS_KEY_ID';
const KEY_SECRET = 'ALIBABA_CLOUD_ACCESS_KEY_SECRET';
const TOKEN = 'ALIBABA_CLOUD_SECURITY_TOKEN';

// JSON's escapes are those of every language here but PHP and shells. JSON leaves these as they are:
// some end a line in C#, one may not stand in Go's source, the others nobody sees, or they turn the
// direction of what is seen.
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
const escaped = (c: string) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
const str = (text: string) => JSON.stringify(text).replace(UNSEEN, escaped);
// C++ before 17 reads ??/ and its like, in literals too, as other characters.
const cppStr = (text: string) => str(text).replaceAll('?', '\\?');
const phpStr = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;
const shellStr = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const list = (ids: string[], quote = str) => ids.map(quote).join(', ');
const lowerFirst = (name: string) => name.charAt(0).toLowerCase() + name.slice(1);

// ---------------------------------------------------------------------------- plain HTTP, curl

const apiPairs = (c: Context): Pairs => [
  ...c.pairs,
  ['Action', c.input.operation.name],
  ['Version', c.input.version],
  ['Format', c.input.format],
];

// In V3 action and version are headers; JSON is the default.
const v3Pairs = (c: Context): Pairs =>
  c.input.format === 'XML' ? [...c.pairs, ['Format', 'XML']] : c.pairs;

const when = (condition: boolean, text: string) => (condition ? text : '');

function curlAdmin(c: Context): string {
  return `curl -sS ${shellStr(c.origin + c.input.operation.path)} \\
  -H 'Content-Type: application/json' \\
  -d ${shellStr(adminBody(c.input))}
`;
}

const curlUnsigned: Generator = (c) =>
  `curl -sS${c.input.method === 'POST' ? ' -X POST' : ''} ` +
  `${shellStr(`${c.origin}/?${canonicalQuery(apiPairs(c))}`)}\n`;

const shellHead = (c: Context) => `#!/usr/bin/env bash
# Needs curl and openssl, and the key in the environment.
set -euo pipefail
: "\${${KEY_ID}:?}" "\${${KEY_SECRET}:?}"${when(c.token, ` "\${${TOKEN}:?}"`)}
`;

function curlV1(c: Context): string {
  const variable: Pairs = [
    ['AccessKeyId', `$${KEY_ID}`],
    ['SignatureNonce', '$nonce'],
    ['Timestamp', '$timestamp'],
    ...(c.token ? [['SecurityToken', '$token'] as Pairs[number]] : []),
  ];
  const fixed: Pairs = [...apiPairs(c), ['SignatureMethod', 'HMAC-SHA1'], ['SignatureVersion', '1.0']];
  const query = [
    ...fixed.map(([n, v]) => [n, `${percentEncode(n)}=${percentEncode(v)}`] as const),
    ...variable.map(([n, v]) => [n, `${n}=${v}`] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text).join('&');
  return `${shellHead(c)}
encode_base64() { sed 's/+/%2B/g; s|/|%2F|g; s/=/%3D/g'; }
nonce=$(openssl rand -hex 16)
timestamp=$(date -u +%Y-%m-%dT%H%%3A%M%%3A%SZ)   # colons already encoded
${when(c.token, `token=$(printf %s "$${TOKEN}" | encode_base64)
`)}query="${query}"

# Encode the encoded query once more: only %, = and & are left to encode.
encoded=\${query//%/%25}
encoded=\${encoded//=/%3D}
encoded=\${encoded//&/%26}
signature=$(printf %s "${c.input.method}&%2F&$encoded" |
  openssl dgst -sha1 -hmac "$${KEY_SECRET}&" -binary | openssl base64 | encode_base64)

curl -sS -X ${c.input.method} "${c.origin}/?$query&Signature=$signature"
`;
}

function curlV3(c: Context): string {
  const query = canonicalQuery(v3Pairs(c));
  const names = ['host', 'x-acs-action', 'x-acs-content-sha256', 'x-acs-date',
                 ...(c.token ? ['x-acs-security-token'] : []), 'x-acs-signature-nonce',
                 'x-acs-version'].join(';');
  return `${shellHead(c)}
sha256() { openssl dgst -sha256 -r "$@" | cut -d' ' -f1; }
host=${shellStr(c.target.host)}
query=${shellStr(query)}
date=$(date -u +%Y-%m-%dT%H:%M:%SZ)
nonce=$(openssl rand -hex 16)
body_hash=$(printf '' | sha256)
headers='${names}'
canonical="${c.input.method}
/
$query
host:$host
x-acs-action:${c.input.operation.name}
x-acs-content-sha256:$body_hash
x-acs-date:$date
${when(c.token, `x-acs-security-token:$${TOKEN}
`)}x-acs-signature-nonce:$nonce
x-acs-version:${c.input.version}

$headers
$body_hash"
to_sign="ACS3-HMAC-SHA256
$(printf %s "$canonical" | sha256)"
signature=$(printf %s "$to_sign" | sha256 -hmac "$${KEY_SECRET}")

curl -sS -X ${c.input.method} "${c.target.https ? 'https' : 'http'}://$host/?$query" \\
  -H "x-acs-action: ${c.input.operation.name}" -H "x-acs-version: ${c.input.version}" \\
  -H "x-acs-date: $date" -H "x-acs-signature-nonce: $nonce" \\
  -H "x-acs-content-sha256: $body_hash" \\
${when(c.token, `  -H "x-acs-security-token: $${TOKEN}" \\
`)}  -H "Authorization: ACS3-HMAC-SHA256 Credential=$${KEY_ID},SignedHeaders=$headers,Signature=$signature"
`;
}

const curl: Generator = (c) => {
  if (c.input.operation.surface === 'admin') return curlAdmin(c);
  return {unsigned: curlUnsigned, v1: curlV1, v3: curlV3}[c.input.scheme](c);
};

// ---------------------------------------------------------------------------- Python

const pythonPairs = (pairs: Pairs) =>
  pairs.map(([name, value]) => `    ${str(name)}: ${str(value)},\n`).join('');

function pythonAdmin(c: Context): string {
  return `import json
import urllib.request

request = urllib.request.Request(
    ${str(c.origin + c.input.operation.path)},
    data=json.dumps(${adminBody(c.input)}).encode(),
    headers={"Content-Type": "application/json"})
with urllib.request.urlopen(request) as reply:
    print(json.load(reply))
`;
}

function pythonUnsigned(c: Context): string {
  return `import urllib.parse
import urllib.request

parameters = {
${pythonPairs(apiPairs(c))}}
url = ${str(`${c.origin}/?`)} + urllib.parse.urlencode(parameters)
with urllib.request.urlopen(urllib.request.Request(url, method=${str(c.input.method)})) as reply:
    print(reply.read().decode())
`;
}

function pythonV1(c: Context): string {
  return `import base64, datetime, hashlib, hmac, os, secrets
import urllib.request
from urllib.parse import quote

parameters = {
${pythonPairs(apiPairs(c))}    "AccessKeyId": os.environ[${str(KEY_ID)}],
    "SignatureMethod": "HMAC-SHA1",
    "SignatureVersion": "1.0",
    "SignatureNonce": secrets.token_hex(16),
    "Timestamp": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
${when(c.token, `    "SecurityToken": os.environ[${str(TOKEN)}],
`)}}
encode = lambda text: quote(text, safe="-_.~")
query = "&".join(f"{encode(k)}={encode(v)}" for k, v in sorted(parameters.items()))
to_sign = ${str(c.input.method)} + "&%2F&" + encode(query)
secret = os.environ[${str(KEY_SECRET)}] + "&"
mac = hmac.new(secret.encode(), to_sign.encode(), hashlib.sha1).digest()
url = ${str(`${c.origin}/?`)} + query + "&Signature=" + encode(base64.b64encode(mac).decode())
with urllib.request.urlopen(urllib.request.Request(url, method=${str(c.input.method)})) as reply:
    print(reply.read().decode())
`;
}

function pythonV3(c: Context): string {
  return `import datetime, hashlib, hmac, os, secrets
import urllib.request
from urllib.parse import quote

host = ${str(c.target.host)}
parameters = {
${pythonPairs(v3Pairs(c))}}
body_hash = hashlib.sha256(b"").hexdigest()
headers = {
    "host": host,
    "x-acs-action": ${str(c.input.operation.name)},
    "x-acs-version": ${str(c.input.version)},
    "x-acs-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "x-acs-signature-nonce": secrets.token_hex(16),
    "x-acs-content-sha256": body_hash,
${when(c.token, `    "x-acs-security-token": os.environ[${str(TOKEN)}],
`)}}
encode = lambda text: quote(text, safe="-_.~")
query = "&".join(f"{encode(k)}={encode(v)}" for k, v in sorted(parameters.items()))
names = ";".join(sorted(headers))
lines = "".join(f"{name}:{headers[name]}\\n" for name in sorted(headers))
canonical = "\\n".join([${str(c.input.method)}, "/", query, lines, names, body_hash])
to_sign = "ACS3-HMAC-SHA256\\n" + hashlib.sha256(canonical.encode()).hexdigest()
secret = os.environ[${str(KEY_SECRET)}].encode()
signature = hmac.new(secret, to_sign.encode(), hashlib.sha256).hexdigest()
headers["Authorization"] = (f"ACS3-HMAC-SHA256 Credential={os.environ['${KEY_ID}']},"
                            f"SignedHeaders={names},Signature={signature}")
request = urllib.request.Request(f"${c.target.https ? 'https' : 'http'}://{host}/?{query}", headers=headers,
                                 method=${str(c.input.method)})
with urllib.request.urlopen(request) as reply:
    print(reply.read().decode())
`;
}

const python: Generator = (c) => {
  if (c.input.operation.surface === 'admin') return pythonAdmin(c);
  return {unsigned: pythonUnsigned, v1: pythonV1, v3: pythonV3}[c.input.scheme](c);
};

const snake = (name: string) =>
  name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();

const pythonSdk: Generator = (c) => `import os
from alibabacloud_onsmqtt20200420 import models
from alibabacloud_onsmqtt20200420.client import Client
from alibabacloud_tea_openapi.models import Config

client = Client(Config(
    access_key_id=os.environ[${str(KEY_ID)}],
    access_key_secret=os.environ[${str(KEY_SECRET)}],
${when(c.token, `    security_token=os.environ[${str(TOKEN)}],
`)}    endpoint=${str(c.target.host)},
    protocol=${str(c.target.https ? 'HTTPS' : 'HTTP')}))
reply = client.${snake(c.input.operation.name)}(models.${c.input.operation.name}Request(
    instance_id=${str(c.instanceId)},
    ${c.batch ? `client_id_list=[${list(c.ids)}]` : `client_id=${str(c.ids[0] ?? '')}`}))
print(reply.body.to_map())
`;

// ---------------------------------------------------------------------------- Node.js

function nodePlain(c: Context): string {
  if (c.input.operation.surface === 'admin') {
    return `const reply = await fetch(${str(c.origin + c.input.operation.path)}, {
  method: 'POST',
  headers: {'Content-Type': 'application/json'},
  body: JSON.stringify(${adminBody(c.input)}),
});
console.log(await reply.json());
`;
  }
  return `const url = ${str(`${c.origin}/?${canonicalQuery(apiPairs(c))}`)};
const reply = await fetch(url, {method: ${str(c.input.method)}});
console.log(await reply.text());
`;
}

const nodeSdk: Generator = (c) => `import Core from '@alicloud/pop-core';

const client = new Core({
  accessKeyId: process.env.${KEY_ID},
  accessKeySecret: process.env.${KEY_SECRET},
${when(c.token, `  securityToken: process.env.${TOKEN},
`)}  endpoint: ${str(c.origin)},
  apiVersion: ${str(c.input.version)},
});
const reply = await client.request(${str(c.input.operation.name)}, {
  InstanceId: ${str(c.instanceId)},
  ${c.batch ? `ClientIdList: [${list(c.ids)}]` : `ClientId: ${str(c.ids[0] ?? '')}`},
}, {method: ${str(c.input.method)}});
console.log(reply);
`;

const plain = (c: Context) => c.input.operation.surface === 'admin' || c.input.scheme === 'unsigned';
const node: Generator = (c) => (plain(c) ? nodePlain(c) : nodeSdk(c));

// ---------------------------------------------------------------------------- the other SDKs

const java: Generator = (c) => {
  const name = c.input.operation.name;
  const setter = c.batch ? `setClientIdList(Arrays.asList(${list(c.ids)}))`
                         : `setClientId(${str(c.ids[0] ?? '')})`;
  return `import com.aliyun.onsmqtt20200420.Client;
import com.aliyun.onsmqtt20200420.models.*;
import com.aliyun.teaopenapi.models.Config;
import java.util.Arrays;

public class Main {
    public static void main(String[] args) throws Exception {
        Client client = new Client(new Config()
            .setAccessKeyId(System.getenv("${KEY_ID}"))
            .setAccessKeySecret(System.getenv("${KEY_SECRET}"))
${when(c.token, `            .setSecurityToken(System.getenv("${TOKEN}"))
`)}            .setEndpoint(${str(c.target.host)})
            .setProtocol("${c.target.https ? 'HTTPS' : 'HTTP'}"));
        ${name}Response reply = client.${lowerFirst(name)}(new ${name}Request()
            .setInstanceId(${str(c.instanceId)})
            .${setter});
        System.out.println(com.aliyun.teautil.Common.toJSONString(reply.getBody().toMap()));
    }
}
`;
};

const go: Generator = (c) => {
  const name = c.input.operation.name;
  const field = c.batch ? `ClientIdList: tea.StringSlice([]string{${list(c.ids)}})`
                        : `ClientId:   tea.String(${str(c.ids[0] ?? '')})`;
  return `package main

import (
	"fmt"
	"os"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	onsmqtt "github.com/alibabacloud-go/onsmqtt-20200420/v2/client"
	"github.com/alibabacloud-go/tea/tea"
)

func main() {
	client, err := onsmqtt.NewClient(&openapi.Config{
		AccessKeyId:     tea.String(os.Getenv("${KEY_ID}")),
		AccessKeySecret: tea.String(os.Getenv("${KEY_SECRET}")),
${when(c.token, `		SecurityToken:   tea.String(os.Getenv("${TOKEN}")),
`)}		Endpoint:        tea.String(${str(c.target.host)}),
		Protocol:        tea.String("${c.target.https ? 'HTTPS' : 'HTTP'}"),
	})
	if err != nil {
		panic(err)
	}
	reply, err := client.${name}(&onsmqtt.${name}Request{
		InstanceId: tea.String(${str(c.instanceId)}),
		${field},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(reply.Body)
}
`;
};

const php: Generator = (c) => {
  const name = c.input.operation.name;
  return `<?php
require 'vendor/autoload.php';

use AlibabaCloud\\SDK\\OnsMqtt\\V20200420\\Models\\${name}Request;
use AlibabaCloud\\SDK\\OnsMqtt\\V20200420\\OnsMqtt;
use Darabonba\\OpenApi\\Models\\Config;

$client = new OnsMqtt(new Config([
    'accessKeyId' => getenv('${KEY_ID}'),
    'accessKeySecret' => getenv('${KEY_SECRET}'),
${when(c.token, `    'securityToken' => getenv('${TOKEN}'),
`)}    'endpoint' => ${phpStr(c.target.host)},
    'protocol' => '${c.target.https ? 'HTTPS' : 'HTTP'}',
]));
$reply = $client->${lowerFirst(name)}(new ${name}Request([
    'instanceId' => ${phpStr(c.instanceId)},
    ${c.batch ? `'clientIdList' => [${list(c.ids, phpStr)}]` : `'clientId' => ${phpStr(c.ids[0] ?? '')}`},
]));
echo json_encode($reply->body->toMap()), PHP_EOL;
`;
};

const csharp: Generator = (c) => {
  const name = c.input.operation.name;
  return `using System;
using System.Collections.Generic;
using AlibabaCloud.OpenApiClient.Models;
using AlibabaCloud.SDK.OnsMqtt20200420.Models;
using Client = AlibabaCloud.SDK.OnsMqtt20200420.Client;

var client = new Client(new Config
{
    AccessKeyId = Environment.GetEnvironmentVariable("${KEY_ID}"),
    AccessKeySecret = Environment.GetEnvironmentVariable("${KEY_SECRET}"),
${when(c.token, `    SecurityToken = Environment.GetEnvironmentVariable("${TOKEN}"),
`)}    Endpoint = ${str(c.target.host)},
    Protocol = "${c.target.https ? 'HTTPS' : 'HTTP'}",
});
var reply = client.${name}(new ${name}Request
{
    InstanceId = ${str(c.instanceId)},
    ${c.batch ? `ClientIdList = new List<string> { ${list(c.ids)} }` : `ClientId = ${str(c.ids[0] ?? '')}`},
});
${c.batch ? `foreach (var status in reply.Body.OnlineStatusList)
    Console.WriteLine($"{status.ClientId}: {status.OnlineStatus}");`
          : 'Console.WriteLine(reply.Body.OnlineStatus);'}
`;
};

const cpp: Generator = (c) => {
  const name = c.input.operation.name;
  const print = c.batch
    ? `for (const auto& status : outcome.result().getOnlineStatusList())
    std::cout << status.clientId << ": " << status.onlineStatus << "\\n";`
    : 'std::cout << outcome.result().getOnlineStatus() << "\\n";';
  return `#include <alibabacloud/core/AlibabaCloud.h>
#include <alibabacloud/onsmqtt/OnsMqttClient.h>
#include <cstdlib>
#include <iostream>

int main() {
  AlibabaCloud::InitializeSdk();
  AlibabaCloud::ClientConfiguration configuration("cn-local");
  configuration.setEndpoint(${cppStr(c.target.host)});
  ${when(c.token, `const AlibabaCloud::Credentials key(
      std::getenv("${KEY_ID}"), std::getenv("${KEY_SECRET}"), std::getenv("${TOKEN}"));
  `)}AlibabaCloud::OnsMqtt::OnsMqttClient client(
      ${c.token ? 'key' : `std::getenv("${KEY_ID}"), std::getenv("${KEY_SECRET}")`}, configuration);
  AlibabaCloud::OnsMqtt::Model::${name}Request request;
  request.setScheme("${c.target.https ? 'https' : 'http'}");
  request.setInstanceId(${cppStr(c.instanceId)});
  request.${c.batch ? `setClientIdList({${list(c.ids, cppStr)}})` : `setClientId(${cppStr(c.ids[0] ?? '')})`};
  const auto outcome = client.${lowerFirst(name)}(request);
  if (!outcome.isSuccess()) {
    std::cerr << outcome.error().errorCode() << ": " << outcome.error().errorMessage() << "\\n";
    return 1;
  }
  ${print}
  AlibabaCloud::ShutdownSdk();
}
`;
};

const cli: Generator = (c) => {
  const noOption = when(c.ids.some((id) => id.startsWith('-')), '-- ');
  const ours = c.input.operation.name === 'GetServerStatus'
    ? 'mosquitto_session status'
    : `mosquitto_session ${c.batch ? 'batch' : 'query'} ${noOption}${c.ids.map(shellStr).join(' ')}`;
  const own = `# On the broker's machine, over the admin socket:\n${ours}\n`;
  if (c.input.operation.surface === 'admin') return own;
  const ids = c.batch
    ? c.ids.map((id, i) => ` \\\n  --ClientIdList.${i + 1} ${shellStr(id)}`).join('')
    : ` \\\n  --ClientId ${shellStr(c.ids[0] ?? '')}`;
  return `${own}
# The vendor's CLI (aliyun configure set the key):
aliyun onsmqtt ${c.input.operation.name} --version ${c.input.version} --force \\
  --endpoint ${shellStr(c.target.host)}${c.target.https ? '' : ' --insecure'} \\
  --InstanceId ${shellStr(c.instanceId)}${ids}
`;
};

interface Language {
  id: string;
  label: string;
  install: (scheme: Scheme) => string;
  generate: Generator;
  sdk?: true; // speaks the documented API only, always signed
}

const nothing = () => '';
const LANGUAGES: Language[] = [
  {id: 'curl', label: 'curl', install: nothing, generate: curl},
  {id: 'python', label: 'Python', install: nothing, generate: python},
  {id: 'python-sdk', label: 'Python SDK', install: () => 'pip install alibabacloud_onsmqtt20200420',
   generate: pythonSdk, sdk: true},
  {id: 'node', label: 'Node.js',
   install: (scheme) => (scheme === 'unsigned' ? '' : 'npm install @alicloud/pop-core'),
   generate: node},
  {id: 'java', label: 'Java', install: () => 'Maven: com.aliyun:onsmqtt20200420', generate: java,
   sdk: true},
  {id: 'go', label: 'Go',
   install: () => 'go get github.com/alibabacloud-go/onsmqtt-20200420/v2/client', generate: go,
   sdk: true},
  {id: 'php', label: 'PHP', install: () => 'composer require alibabacloud/onsmqtt-20200420',
   generate: php, sdk: true},
  {id: 'csharp', label: 'C#', install: () => 'dotnet add package AlibabaCloud.SDK.OnsMqtt20200420',
   generate: csharp, sdk: true},
  {id: 'cpp', label: 'C++', install: () => 'aliyun-openapi-cpp-sdk, components core and onsmqtt',
   generate: cpp, sdk: true},
  {id: 'cli', label: 'CLI', install: nothing, generate: cli},
];

export function samples(input: Input, target: Target): Sample[] {
  const {operation, values} = input;
  const batch = operation.fields.some((f) => f.list);
  const value = (names: string[]) => names.flatMap((n) => values[n] ?? []).filter((v) => v !== '');
  const context: Context = {
    input,
    target,
    origin: `${target.https ? 'https' : 'http'}://${target.host}`,
    pairs: operationPairs(input),
    batch,
    instanceId: value(['InstanceId', 'instanceId'])[0] ?? '',
    ids: value(['ClientId', 'clientId', 'ClientIdList', 'clientIds']),
    token: input.scheme !== 'unsigned' && input.securityToken !== '',
  };
  const admin = operation.surface === 'admin';
  return LANGUAGES.filter((l) => !(admin && l.sdk)).map((l) => ({
    id: l.id,
    label: l.label,
    install: admin ? '' : l.install(input.scheme),
    code: l.generate(context),
  }));
}
