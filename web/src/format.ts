// Numbers, times and enum names for people.

const integer = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', {notation: 'compact', maximumFractionDigits: 1});

export const count = (n: number) => integer.format(n);
export const shortCount = (n: number) => (n < 10_000 ? integer.format(n) : compact.format(n));

export const flaps = (n: number) => `${count(n)} ${n === 1 ? 'flap' : 'flaps'}`;

export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  return perSecond < 10 ? perSecond.toFixed(1) : shortCount(Math.round(perSecond));
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function bytes(n: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? n : n.toFixed(1)} ${units[unit]}`;
}

const sameDay = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false,
});
const otherDay = new Intl.DateTimeFormat(undefined, {
  year: 'numeric', month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false,
});

export function time(ms: number, now = Date.now()): string {
  const date = new Date(ms);
  const today = new Date(now).toDateString() === date.toDateString();
  return (today ? sameDay : otherDay).format(date);
}

// An identifier is any text. What nobody sees in it, or what turns the direction of the rest, would have it
// pass for another one: shown as \u{202e}, and so is a backslash that would imitate that. The same of
// blanks at the ends and of other blanks than the common one.
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}|^ | $|\\(?=u\{)/gu;

export const printable = (text: string) =>
  text.replace(UNSEEN, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`);

// "END_REASON_KEEPALIVE_TIMEOUT" → "keepalive timeout"
export function enumWords(name: string | undefined, prefix: string): string {
  return (name ?? '').replace(prefix, '').toLowerCase().replaceAll('_', ' ');
}

export function reason(name: string | undefined): string {
  const words = enumWords(name, 'END_REASON_');
  return words === 'none' ? '' : words;
}

const STATE_WORDS: Record<string, string> = {
  SESSION_STATE_ONLINE: 'online',
  SESSION_STATE_OFFLINE_SESSION_KEPT: 'session kept',
  SESSION_STATE_OFFLINE: 'offline',
  SESSION_STATE_UNKNOWN: 'unknown',
};
export const state = (name: string | undefined) => STATE_WORDS[name ?? ''] ?? 'unknown';
