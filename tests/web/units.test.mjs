// Parts of the page that need no page.
//
// SOURCES: web/src. PAGE: where the page was built, with its packages.
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {pathToFileURL} from 'node:url';

let dir;
let page;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'session-status-units.'));
  const {buildSync} = createRequire(join(process.env.PAGE, 'package.json'))('esbuild');
  const bundle = join(dir, 'units.mjs');
  buildSync({
    stdin: {contents: "export * from './format'; export * from './live/address';", resolveDir: process.env.SOURCES},
    outfile: bundle, bundle: true, format: 'esm', logLevel: 'error'});
  page = await import(pathToFileURL(bundle));
});
after(() => rmSync(dir, {recursive: true, force: true}));

test('what nobody sees in an identifier is written out, and letters stay letters', () => {
  const cases = {
    'lamp-1/ü日本 😀 مرحبا': 'lamp-1/ü日本 😀 مرحبا',
    'a\u200bb\u200c\u200d\ufeff': 'a\\u{200b}b\\u{200c}\\u{200d}\\u{feff}',
    '\u202epmal\u2066\u200e\u061c': '\\u{202e}pmal\\u{2066}\\u{200e}\\u{61c}',
    'a\n\t\u0000\u009b\u2028\u2029': 'a\\u{a}\\u{9}\\u{0}\\u{9b}\\u{2028}\\u{2029}',
    'a\u3164\u115f\ufe0f\u{e0041}\u00adb': 'a\\u{3164}\\u{115f}\\u{fe0f}\\u{e0041}\\u{ad}b',
    ' a  b ': '\\u{20}a  b\\u{20}',
    'a\u00a0b\u2003c': 'a\\u{a0}b\\u{2003}c',
    '\\u{202e} \\users': '\\u{5c}u{202e} \\users',
    '': '',
  };
  for (const [text, shown] of Object.entries(cases)) assert.equal(page.printable(text), shown);
});

test('an address is within a network by its bits, however it is written', () => {
  const inside = [
    ['127.0.0.0/8', '127.255.0.1'], ['10.1.2.3', '10.1.2.3'], ['10.1.2.3/32', '10.1.2.3'],
    ['0.0.0.0/0', '255.255.255.255'], ['10.0.0.0/9', '10.127.255.255'],
    ['2001:db8::/32', '2001:db8:ffff::1'], ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'], ['::/0', '10.0.0.1'],
    ['::ffff:10.0.0.0/104', '10.9.9.9'], ['10.0.0.0/8', '::ffff:10.0.0.1'], ['::1', '::1'], ['::', '::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ];
  const outside = [
    ['127.0.0.0/8', '128.0.0.1'], ['10.0.0.0/9', '10.128.0.0'], ['2001:db8::/32', '2001:db9::1'],
    ['10.0.0.0/8', ''], ['10.0.0.0/8', 'unix'], ['::/96', '10.0.0.1'], ['10.1.2.3', '10.1.2.30'],
  ];
  // What the server refuses.
  const none = ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0', '10.0.0.256', '1::2::3', '1:2', ':::',
                '2001:db8::/129', '2001:db8::/x', 'x', '1:2:3:4:5:6:7:8::', '12345::', '10.0.0.0/-1'];
  for (const [network, address] of inside) assert.ok(page.within(network)(address), `${address} in ${network}`);
  for (const [network, address] of outside) assert.ok(!page.within(network)(address), `${address} not in ${network}`);
  for (const network of none) assert.ok(!page.within(network)('10.0.0.1'), network);
});
