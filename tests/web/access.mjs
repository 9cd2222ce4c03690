// The access file of these tests, and keys from it.
import {execFileSync} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';

export const INSTANCE = 'post-cn-local0001';
const ACCOUNT = '1001';

const allow = (action) => ({Version: '1', Statement: [{Effect: 'Allow', Action: action, Resource: '*'}]});
const user = (name, ...policies) => ({
  name, policies, access_keys: [{id: `key-${name}`, secret: `secret-of-${name}`}],
});

const USERS = [
  user('reader', allow('mq:*')),
  user('batcher', allow('mq:BatchQuerySessionByClientIds')),
  user('nobody'),
  {...user('inactive', allow('mq:*')),
   access_keys: [{id: 'key-inactive', secret: 'secret-of-inactive', status: 'Inactive'}]},
];

// `overflow`: an instance that the test server of tests/openapi cannot count.
const fileWith = (more) => JSON.stringify({
  version: 1,
  sts: {secret: 'an sts secret that is long enough to be one'},
  accounts: [{id: ACCOUNT, instances: [INSTANCE, 'post-cn-overflow'], users: [...USERS, ...more]}],
});

export const ACCESS_FILE = fileWith([]);

// Options of a broker that answers signed calls only.
export const SECURED = [['access_file', '{DIR}/access.json'], ['instance_id', INSTANCE]];
export const SECURED_FILES = {'access.json': ACCESS_FILE};

export const key = (name) => ({id: `key-${name}`, secret: `secret-of-${name}`, token: ''});

function issue(file, name) {
  const {Credentials: issued} = JSON.parse(execFileSync(
      process.env.CLI, ['--json', 'sts', 'issue', '-f', file, '-a', ACCOUNT, '-u', name]));
  return {id: issued.AccessKeyId, secret: issued.AccessKeySecret, token: issued.SecurityToken};
}

export const temporaryKey = (broker, name = 'reader') => issue(join(broker.dir, 'access.json'), name);

// Of a user whom the broker's own file does not have.
export function strangersKey(broker) {
  const path = join(broker.dir, 'other.json');
  writeFileSync(path, fileWith([user('guest', allow('*'))]), {mode: 0o600});
  return issue(path, 'guest');
}
