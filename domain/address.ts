/** What the text of an IP address means, however it is spelt, and ranges of addresses. Pure: what a machine has is not known here. */

/** `value` is the address as a number, of 32 or 128 bits. */
export type Address = { readonly family: 4 | 6; readonly value: bigint };
/** The addresses whose first `length` bits are those of `first`. */
export type Range = Address & { readonly length: number };

const bitsOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);

/** A number as C reads it: 0x for base 16, a leading 0 for base 8. */
const readPart = (text: string): bigint | undefined => {
  if (/^0x[0-9a-f]{1,16}$/i.test(text)) return BigInt(text);
  if (/^0[0-7]{0,22}$/.test(text)) return text === "0" ? 0n : BigInt(`0o${text.slice(1)}`);
  return /^[1-9]\d{0,19}$/.test(text) ? BigInt(text) : undefined;
};

/** One to four numbers, the last of which fills what is left: `127.1`, `0x7f000001`, `0177.0.0.1`. A dot at the end is no part of it. */
const readV4 = (text: string): bigint | undefined => {
  const parts = text.replace(/\.$/, "").split(".").map(readPart);
  const last = parts.pop();
  if (last === undefined || parts.length > 3 || last >= 1n << BigInt(8 * (4 - parts.length))) return undefined;
  let value = 0n;
  for (const part of parts) {
    if (part === undefined || part > 255n) return undefined;
    value = (value << 8n) | part;
  }
  return (value << BigInt(8 * (4 - parts.length))) | last;
};

const DOTTED = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

/** Groups of a part of an IPv6 address; an IPv4 address at the end is two of them. */
const groupsOf = (text: string, mayEndInV4: boolean): readonly bigint[] | undefined => {
  if (text === "") return [];
  const out: bigint[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    const isLast = at === parts.length - 1;
    if (isLast && mayEndInV4 && DOTTED.test(part)) {
      const value = readV4(part) as bigint;
      out.push(value >> 16n, value & 0xffffn);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) out.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return out;
};

const readV6 = (text: string): bigint | undefined => {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = [groupsOf(halves[0] as string, halves.length === 1), groupsOf(halves[1] ?? "", true)];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
};

/** Undefined for what is no address: a name, or an address with a zone, which means something on one machine only. */
export const readAddress = (text: string): Address | undefined => {
  const family = text.includes(":") ? 6 : 4;
  const value = family === 6 ? readV6(text) : readV4(text);
  return value === undefined ? undefined : { family, value };
};

/** Whether a host can only be meant as an IPv4 address, a right one or not: no name ends in a number. */
export const endsInNumber = (host: string): boolean => /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i.test(host);

/** The usual spelling of an IPv4 address; IPv6 in full. */
export const spell = ({ family, value }: Address): string => {
  const [count, bits, radix, between] = family === 4 ? ([4, 8n, 10, "."] as const) : ([8, 16n, 16, ":"] as const);
  const parts = Array.from({ length: count }, (_, at) => (value >> (bits * BigInt(count - 1 - at))) & ((1n << bits) - 1n));
  return parts.map((part) => part.toString(radix)).join(between);
};

/** A range, or what is wrong with the text: `10.0.0.0/8`, `fc00::/7`, or an address by itself. */
export const readRange = (text: string): Range | { readonly flaw: string } => {
  const [, base = "", slash] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = base.includes(":") || DOTTED.test(base) ? readAddress(base) : undefined;
  if (address === undefined) return { flaw: "is no range of addresses such as 10.0.0.0/8 or fc00::/7" };
  const bits = bitsOf(address.family);
  const length = slash === undefined ? bits : Number(slash);
  if (length > bits) return { flaw: `is longer than the ${bits} bits of an address` };
  if ((address.value & ((1n << BigInt(bits - length)) - 1n)) !== 0n)
    return { flaw: `is no range: it begins at ${spell(cut(address, length))}/${length}, and the address alone is ${base}/${bits}` };
  if (v4Within(address) !== undefined) return { flaw: "is a spelling of IPv4 addresses: write it as those" };
  return { ...address, length };
};

/** The first `length` bits of an address; the rest 0. */
export const cut = ({ family, value }: Address, length: number): Address => {
  const rest = BigInt(bitsOf(family) - length);
  return { family, value: (value >> rest) << rest };
};

/** Whether the range holds an address, or the whole of another range. */
export const holds = (range: Range, other: Address | Range): boolean =>
  range.family === other.family &&
  ("length" in other ? other.length : bitsOf(other.family)) >= range.length &&
  cut(other, range.length).value === range.value;

/** A range that is written in the code. Throws where it is wrong. */
export const rangeOf = (text: string): Range => {
  const range = readRange(text);
  if ("flaw" in range) throw new Error(`${text} ${range.flaw}`);
  return range;
};

const MAPPED: Range = { family: 6, value: 0xffffn << 32n, length: 96 };
/** Forms of IPv6 that lead to an IPv4 address: the first groups they begin with, and how far from the end the address stands. */
const CARRIERS: readonly (readonly [first: bigint, length: number, shift: number, flip?: true])[] = [
  [MAPPED.value, MAPPED.length, 0], // mapped, ::ffff:0:0/96
  [0xffffn << 48n, 96, 0], // translated, ::ffff:0:0:0/96
  [0x64_ff9bn << 96n, 96, 0], // NAT64, 64:ff9b::/96
  [0x2002n << 112n, 16, 80], // 6to4, 2002::/16
  [0x2001n << 112n, 32, 0, true], // Teredo, 2001::/32: the client's, each bit turned round
];
const LOCAL = 1n;

/** The IPv4 address within an IPv6 address; undefined where it has none. */
export const v4Within = ({ family, value }: Address): Address | undefined => {
  if (family === 4) return undefined;
  for (const [first, length, shift, flip] of CARRIERS)
    if (cut({ family, value }, length).value === first) {
      const within = (value >> BigInt(shift)) & 0xffff_ffffn;
      return { family: 4, value: flip ? within ^ 0xffff_ffffn : within };
    }
  // Compatible, ::/96: `::` and `::1` stand there too and are themselves.
  return value > LOCAL && value <= 0xffff_ffffn ? { family: 4, value } : undefined;
};

const ISATAP = 0x5efen;
/** Bits of an interface's name: whether it is one for the whole world. */
const WORLDWIDE = 1n << 57n;

/**
 * The IPv4 address that a network with ISATAP would send to, whatever stands before it: `…:0:5efe:10.0.0.1`, `…:200:5efe:10.0.0.1`.
 * Elsewhere the address is one as any other, so it is to be judged as both. Undefined where its last half has not that form.
 */
export const v4Behind = ({ family, value }: Address): Address | undefined =>
  family === 6 && (BigInt.asUintN(64, value) & ~WORLDWIDE) >> 32n === ISATAP ? { family: 4, value: value & 0xffff_ffffn } : undefined;

const LOOPBACK = ["127.0.0.0/8", "::1"].map(rangeOf);
/** Whether an address, or a whole range, is this machine's for itself. */
export const isLoopback = (one: Address | Range): boolean => LOOPBACK.some((range) => holds(range, one));

/** `::ffff:10.0.0.1` is how a socket of IPv6 says 10.0.0.1: it is that address. */
export const unmapped = (address: Address): Address =>
  holds(MAPPED, address) ? { family: 4, value: address.value & 0xffff_ffffn } : address;

/** Whether a host, without brackets and port, is this machine under a name that nobody else can have. */
export const isLoopbackHost = (host: string): boolean => {
  const address = readAddress(host);
  return address === undefined ? host.toLowerCase() === "localhost" : isLoopback(unmapped(address));
};
