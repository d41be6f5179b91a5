/**
 * Digests of texts, and sums of them that come out the same in whatever order the texts are added: so a log in its order and a table in
 * another can be compared without either being sorted. A sum and not an exclusive or, in which what stands there twice would cancel out.
 * It finds what went wrong; it is no protection from who forges.
 */

/** How many texts, and the two halves of the sum of their 64-bit digests, each modulo 2^32. */
export type Sum = { count: number; high: number; low: number };

export const noSum = (): Sum => ({ count: 0, high: 0, low: 0 });

/** Two lanes over the UTF-16 code units, each mixed with the other at the end. The sum is changed. */
export const addText = (sum: Sum, text: string): void => {
  let a = 0xdeadbeef ^ text.length;
  let b = 0x41c6ce57 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 2_654_435_761);
    b = Math.imul(b ^ unit, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  sum.count += 1;
  sum.high = (sum.high + (b >>> 0)) >>> 0;
  sum.low = (sum.low + (a >>> 0)) >>> 0;
};

export const isSameSum = (one: Sum, other: Sum): boolean => one.count === other.count && one.high === other.high && one.low === other.low;

/** Sixteen hexadecimal digits. */
export const hashOf = ({ high, low }: Sum): string => [high, low].map((half) => half.toString(16).padStart(8, "0")).join("");
