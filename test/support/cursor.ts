/** A socket's cursor as 0.1.0 gave it out: the offsets in clear, with a check that needs no key. */
import { createHash } from "node:crypto";

export const cursorInClear = (epoch: string, tenant: string, tail: readonly number[]): string => {
  const digits = tail.flatMap((position) => {
    const bytes: number[] = [];
    let rest = position;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
    return [...bytes, rest];
  });
  const epochName = createHash("sha256").update(epoch).digest().subarray(0, 8);
  const payload = Buffer.concat([Buffer.of(2), epochName, Buffer.from(digits)]);
  const check = createHash("sha256").update(`${tenant}\0\0`).update(payload).digest().subarray(0, 12);
  return Buffer.concat([payload, check]).toString("base64url");
};
