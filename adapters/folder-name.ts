import { createHash } from "node:crypto";

/** Longer names no file system takes. */
const LONGEST = 200;
const SAFE = /[a-z0-9_-]/;

/** An id as the name of a folder: no two have the same, in capitals or not, and none means something to a file system. */
export const folderName = (id: string): string => {
  const name = [...Buffer.from(id, "utf8")]
    .map((byte) => (SAFE.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`))
    .join("");
  return name.length <= LONGEST ? name : `%%${createHash("sha256").update(id).digest("hex")}`;
};
