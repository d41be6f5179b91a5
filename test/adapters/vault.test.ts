import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openVault } from "../../adapters/vault.ts";
import { readConfig } from "../../config.ts";
import { AdapterError } from "../../domain/ports.ts";
import { CANARY, canaryUrls } from "../support/canary.ts";

const [first, second] = ["0123456789abcdef0123456789abcdef", "another key, of thirty-two bytes and more"];
const ABOUT = "default\0cam-1";
const TEXT = canaryUrls.userinfo("10.0.0.4");
const sealed = (vault = openVault([first]), text = TEXT): string => vault.seal(text, ABOUT) as string;

const failure = (given: string, about = ABOUT, keys: readonly string[] = [first]): AdapterError => {
  try {
    openVault(keys).open(given, about);
  } catch (error) {
    if (error instanceof AdapterError) return error;
    throw error;
  }
  throw new Error("it opened");
};
const isClosed = (given: string, about?: string, keys?: readonly string[]): void => {
  const error = failure(given, about, keys);
  expect(`${error.stack}`.includes(CANARY)).toBe(false);
  expect(error).toMatchObject({ code: "corrupt", retryable: false, cause: undefined });
  for (const quoted of ["10.0.0.4", first, "cam-1", given].filter((text) => text.length > 4)) {
    expect(error.message).not.toContain(quoted);
    expect(error.stack).not.toContain(quoted);
  }
};

describe("the vault", () => {
  it("gives back any text it sealed", () => {
    const vault = openVault([first]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, about) => {
        expect(vault.open(vault.seal(text, about) as string, about)).toBe(text);
      }),
    );
  });

  it("never seals the same text to the same twice, and says in the sealed text only which key it was", () => {
    const all = Array.from({ length: 1000 }, () => sealed());
    expect(new Set(all).size).toBe(1000);
    expect(new Set(all.map((text) => text.split(".").slice(0, 2).join("."))).size).toBe(1);
    for (const text of all) expect(text).toMatch(/^v1\.[\w-]{8}\.[\w-]+$/);
    expect(Buffer.from(all[0]?.split(".")[2] as string, "base64url").includes(CANARY)).toBe(false);
  });

  it("seals nothing without a key, and opens nothing", () => {
    expect(openVault([]).seal(TEXT, ABOUT)).toBeUndefined();
    isClosed(sealed(), ABOUT, []);
  });

  it("seals with the first key and opens with all of them, so that keys can be changed", () => {
    const old = sealed();
    const both = openVault([second, first]);
    expect(both.open(old, ABOUT)).toBe(TEXT);
    const fresh = sealed(both);
    expect(openVault([second]).open(fresh, ABOUT)).toBe(TEXT);
    isClosed(fresh, ABOUT, [first]);
    isClosed(old, ABOUT, [second]);
  });

  it("does not open a text that was moved to another camera", () => {
    isClosed(sealed(), "default\0cam-2");
    isClosed(sealed(), "");
  });

  it("does not open a text of which one character was altered, anywhere", () => {
    const text = sealed();
    for (let at = 0; at < text.length; at += 1)
      for (const other of "A.-~9") if (text[at] !== other) isClosed(text.slice(0, at) + other + text.slice(at + 1));
  });

  it("does not open what was cut, lengthened or is nothing of ours", () => {
    const text = sealed();
    for (let length = 0; length < text.length; length += 1) isClosed(text.slice(0, length));
    for (const more of ["A", "=", "==", ".", ".a", " ", "\n"]) isClosed(text + more);
    for (const other of ["", "v1", "v1..", "v2.a.b", TEXT, `v1.${text.split(".")[1]}.`, text.replace("v1", "v2")]) isClosed(other);
  });

  it("does not take the name of one key for another's text", () => {
    const [one, other] = [sealed().split("."), sealed(openVault([second])).split(".")];
    isClosed(`v1.${other[1]}.${one[2]}`, ABOUT, [first, second]);
  });
});

describe("the keys in the settings", () => {
  it("are separated by commas, and a key that is short is refused without being quoted", () => {
    expect(readConfig({ TALLYWIRE_SECRET_KEY: `${second.replace(",", "")}, ${first}` }).SECRET_KEY).toEqual([
      second.replace(",", ""),
      first,
    ]);
    expect(readConfig({}).SECRET_KEY).toEqual([]);
    expect(() => readConfig({ TALLYWIRE_SECRET_KEY: `${first},short-key` })).toThrow(
      expect.objectContaining({ message: "TALLYWIRE_SECRET_KEY: each key must be of 32 bytes or more; commas separate keys" }),
    );
  });
});
