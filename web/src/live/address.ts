// Whether an address is within a filter's network, by its bits, as the server compares them.

function ipv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((p) => /^\d{1,3}$/.test(p) && Number(p) < 256)) return undefined;
  return parts.reduce((bits, p) => bits << 8n | BigInt(p), 0n);
}

function ipv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')).flatMap((group) => {
    const four = ipv4(group);  // ::ffff:10.0.0.7
    return four === undefined ? [group] : [(four >> 16n).toString(16), (four & 0xFFFFn).toString(16)];
  }));
  const missing = 8 - groups.flat().length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...groups[0]!, ...Array<string>(missing).fill('0'), ...groups[1] ?? []];
  if (!all.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined;
  return all.reduce((bits, group) => bits << 16n | BigInt(`0x${group}`), 0n);
}

const WIDTH = 128;
const MAPPED_BITS = 96;  // ::ffff:0:0/96 holds IPv4

function bitsOf(text: string): {bits: bigint; before: number} | undefined {
  const four = ipv4(text);
  if (four !== undefined) return {bits: 0xFFFFn << 32n | four, before: MAPPED_BITS};
  const six = ipv6(text);
  return six === undefined ? undefined : {bits: six, before: 0};
}

// "10.0.0.0/8", "2001:db8::/32", "10.1.2.3"; nothing is within what is no network.
export function within(network: string): (address: string) => boolean {
  const [base = '', length, ...more] = network.split('/');
  const from = bitsOf(base);
  if (!from || more.length > 0 || !/^\d{1,3}$/.test(length ?? '128')) return () => false;
  const bits = length === undefined ? WIDTH : Number(length) + from.before;
  if (bits > WIDTH) return () => false;
  const rest = BigInt(WIDTH - bits);
  return (address) => {
    const known = bitsOf(address);
    return known !== undefined && known.bits >> rest === from.bits >> rest;
  };
}
