// embed.mjs DIST OUT.cc: the files of DIST as the constants of plugin/web/asset.h.
import {createHash} from 'node:crypto';
import {readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {extname, join, relative} from 'node:path';

// The page's promise: what a browser transfers on a first visit.
const TOTAL_BYTES_MAX = 250_000;

const CONTENT_TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const [dist, out] = process.argv.slice(2);

function* filesIn(dir) {
  const entries = readdirSync(dir, {withFileTypes: true});
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

const assets = [...filesIn(dist)].map((path) => {
  const name = relative(dist, path).split('\\').join('/');
  const type = CONTENT_TYPES[extname(name)];
  if (!type) throw new Error(`no content type for ${name}`);
  const bytes = readFileSync(path);
  return {
    path: name === 'index.html' ? '/' : `/ui/${name}`,
    type,
    etag: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    immutable: name.startsWith('assets/'),
    bytes,
  };
});

const total = assets.reduce((sum, asset) => sum + asset.bytes.length, 0);
if (total > TOTAL_BYTES_MAX) throw new Error(`the page has ${total} bytes; at most ${TOTAL_BYTES_MAX}`);

function literal(bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += 32) lines.push([...bytes.subarray(i, i + 32)].join(','));
  return lines.join(',\n');
}

const arrays = assets.map((a, i) => `constexpr unsigned char kContent${i}[] = {\n${literal(a.bytes)}};\n`);
const rows = assets.map((a, i) =>
    `    {"${a.path}", "${a.type}", "\\"${a.etag}\\"", ${a.immutable}, View(kContent${i})},\n`);
writeFileSync(out, `// Made from web/ by web/embed.mjs.
#include "plugin/web/asset.h"

namespace session_status::web {
namespace {

template <size_t kSize>
absl::string_view View(const unsigned char (&bytes)[kSize]) {
  return absl::string_view(reinterpret_cast<const char*>(bytes), kSize);
}

${arrays.join('\n')}
}  // namespace

absl::Span<const Asset> Assets() {
  static const Asset kAssets[] = {
${rows.join('')}  };
  return kAssets;
}

}  // namespace session_status::web
`);
