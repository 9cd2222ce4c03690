// Programs cut into their string literals and the rest, by the rules of the languages' references:
// for languages that no test machine has a compiler of. Throws what a compiler would refuse.
import assert from 'node:assert/strict';

const NAMED = {a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', s: ' ', t: '\t', v: '\v', 0: '\0'};

const named = (letters) => ({
  ...Object.fromEntries([...letters].map((letter) => [letter, NAMED[letter]])), '\\': '\\',
});

// `quotes`: which begin a literal, and their escapes; null: a backslash before anything else stands
// for itself. `four`: \uXXXX is an escape. `pairs`: two of them may make one character. `forbidden`:
// what must not stand in a literal as it is.
const RULES = {
  // https://docs.oracle.com/javase/specs/jls/se17/html/jls-3.html (3.3 is done before, see below)
  Java: {quotes: {'"': {...named('btnfrs'), '"': '"', "'": "'"}, "'": {...named('btnfrs'), "'": "'"}},
         forbidden: /[\r\n]/},
  // https://go.dev/ref/spec#String_literals; the byte order mark: #Source_code_representation
  Go: {quotes: {'"': {...named('abfnrtv'), '"': '"'}}, four: true, pairs: false, forbidden: /[\n\0\ufeff]/},
  // https://www.php.net/manual/en/language.types.string.php, single quoted; there are no others
  PHP: {quotes: {"'": {"'": "'", '\\': '\\'}}, lenient: true, forbidden: /(?!)/},
  // https://learn.microsoft.com/dotnet/csharp/language-reference/language-specification/lexical-structure#6456-string-literals
  'C#': {quotes: {'"': {...named('abfnrtv0'), '"': '"', "'": "'"}}, four: true, pairs: true,
         forbidden: /[\r\n\u0085\u2028\u2029]/},
};

// JLS 3.3: \uXXXX is translated before anything else, unless its backslash is itself escaped.
function javaTranslated(text) {
  return text.replace(/\\\\|\\u+([0-9a-fA-F]{4})/g, (all, code) =>
    (code ? String.fromCharCode(parseInt(code, 16)) : all));
}

function escapeAt(text, at, rule, escapes) {
  const next = text[at + 1];
  if (next in escapes) return [escapes[next], 2];
  if (rule.four && next === 'u') {
    const code = /^[0-9a-fA-F]{4}/.exec(text.slice(at + 2))?.[0];
    assert.ok(code, `\\u without four digits: ${text.slice(at, at + 8)}`);
    const character = String.fromCharCode(parseInt(code, 16));
    assert.ok(rule.pairs || !/[\ud800-\udfff]/.test(character), `half a character: \\u${code}`);
    return [character, 6];
  }
  assert.ok(rule.lenient, `no escape of this language: \\${next}`);
  return ['\\', 1];
}

function literalAt(text, begin, rule) {
  const quote = text[begin];
  let value = '';
  for (let at = begin + 1; at < text.length;) {
    if (text[at] === quote) return [value, at + 1];
    if (text[at] === '\\') {
      const [character, length] = escapeAt(text, at, rule, rule.quotes[quote]);
      value += character;
      at += length;
      continue;
    }
    assert.ok(!rule.forbidden.test(text[at]), `U+${text.charCodeAt(at).toString(16)} in a literal`);
    value += text[at++];
  }
  throw new Error(`a literal without end: ${text.slice(begin, begin + 40)}`);
}

// {literals, rest}: the rest has "" in the place of each literal.
export function cut(language, program) {
  const rule = RULES[language];
  const text = language === 'Java' ? javaTranslated(program) : program;
  const literals = [];
  let rest = '';
  for (let at = 0; at < text.length;) {
    if (text[at] in rule.quotes) {
      const [value, end] = literalAt(text, at, rule);
      literals.push(value);
      rest += '""';
      at = end;
    } else {
      rest += text[at++];
    }
  }
  return {literals, rest};
}

// Every bracket of a program without its literals closes, in order.
export function assertBalanced(rest) {
  const open = [];
  const partner = {')': '(', ']': '[', '}': '{'};
  for (const character of rest) {
    if ('([{'.includes(character)) open.push(character);
    if (character in partner) assert.equal(open.pop(), partner[character], rest);
  }
  assert.deepEqual(open, [], rest);
}
