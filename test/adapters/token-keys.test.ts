/** Keys that come from a server or a file, and change while tokens are in use. */
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { openTokenKeys } from "../../adapters/token-keys.ts";
import { type Limits, limits } from "../../domain/limits.ts";
import type { TokenKeys } from "../../domain/ports.ts";
import type { KeySource } from "../../domain/token-keys.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { jwks, type KeyServer, startKeyServer } from "../support/key-server.ts";
import { claims, jws, NOW, type Pair, pairs, SECRET, signer, token, tokenKey, tokensWith } from "../support/tokens.ts";

const { keysLookMs, keysPauseMs, keysKeptMs } = limits;
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
const [first, second] = [tokenKey("ES256", pairs.ES256, "one"), tokenKey("ES256", other, "two")];
const signed = (pair: Pair, kid?: string, own: object = {}): string =>
  jws({ alg: "ES256", kid }, claims({ exp: NOW + 86_400, ...own }), signer("ES256", pair));

const folders: string[] = [];
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));
const folder = async (): Promise<string> => {
  const made = await mkdtemp(join(tmpdir(), "tallywire-keys-"));
  folders.push(made);
  return made;
};

const world = async (source: KeySource, own: Partial<Limits> = {}) => {
  const clock = fakeClock(NOW * 1000);
  const lines: { readonly level: string; readonly message: string; readonly fields: Record<string, unknown> }[] = [];
  const say = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields: { ...fields } });
  const journal = { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error"), fatal: say("fatal") };
  const keys = await openTokenKeys(source, { limits: { ...limits, ...own }, clock, journal });
  open.push(keys);
  let told = 0;
  const tokens = tokensWith(keys, { now: clock.now });
  tokens.onKeysChanged(() => {
    told++;
  });
  const isKnown = async (text: string): Promise<boolean> => !("unauthenticated" in (tokens.known(text) ?? (await tokens.verify(text))));
  return { clock, lines, keys, tokens, isKnown, told: () => told };
};
const serve = async (answer: RequestListener): Promise<KeyServer> => {
  const server = await startKeyServer(answer);
  open.push({ close: () => server.away() });
  return server;
};
const until = async (is: () => boolean): Promise<void> => {
  for (const end = Date.now() + 5000; !is(); await sleep(2)) if (Date.now() > end) throw new Error("not in time");
};
const kidsOf = (keys: TokenKeys) => keys.current()?.map(({ kid }) => kid);

describe("keys that a server publishes", () => {
  it("are fetched once, and serve every token", async () => {
    const server = await serve(jwks(first, second));
    const { isKnown } = await world({ url: server.url });
    expect(await Promise.all([signed(pairs.ES256, "one"), signed(other, "two"), signed(other)].map(isKnown))).toEqual([true, true, true]);
    expect(server.asked()).toBe(1);
  });

  it("that are new are taken as soon as a token needs them, without a restart", async () => {
    const server = await serve(jwks(first));
    const { isKnown, clock, told } = await world({ url: server.url });
    expect(await isKnown(signed(pairs.ES256, "one"))).toBe(true);
    server.answer = jwks(first, second);
    await clock.pass(keysPauseMs, keysPauseMs);
    expect(await isKnown(signed(other, "two"))).toBe(true);
    expect(await isKnown(signed(pairs.ES256, "one"))).toBe(true);
    expect(told()).toBe(2);
    expect(server.asked()).toBe(2);
  });

  it("are not fetched for every token that nobody signed", async () => {
    const server = await serve(jwks(first));
    const { isKnown, clock } = await world({ url: server.url });
    const many = () => Promise.all(Array.from({ length: 50 }, (_, i) => isKnown(signed(other, `made up ${i}`))));
    expect((await many()).some(Boolean)).toBe(false);
    expect(server.asked()).toBe(1);
    await clock.pass(keysPauseMs, keysPauseMs);
    await many();
    await many();
    expect(server.asked()).toBe(2);
  });

  it("that are gone are noticed by themselves, and end the tokens they signed, those seen before too", async () => {
    const server = await serve(jwks(first, second));
    const { isKnown, tokens, clock, keys, told } = await world({ url: server.url });
    const [old, stays] = [signed(pairs.ES256, "one"), signed(other, "two")];
    expect(await isKnown(old)).toBe(true);
    expect(await isKnown(stays)).toBe(true);
    const before = told();
    server.answer = jwks(second);
    expect(tokens.known(old)).toMatchObject({ tenant: "default" });
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => keys.current()?.length === 1);
    expect(told()).toBe(before + 1);
    expect(tokens.known(old)).toBeUndefined();
    expect(await isKnown(old)).toBe(false);
    expect(await isKnown(stays)).toBe(true);
  });

  it("that are all gone leave no token: an empty set is no outage", async () => {
    const server = await serve(jwks(first));
    const { isKnown, clock, keys, lines } = await world({ url: server.url });
    expect(await isKnown(signed(pairs.ES256))).toBe(true);
    server.answer = jwks();
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => keys.current()?.length === 0);
    expect(await isKnown(signed(pairs.ES256))).toBe(false);
    expect(lines.at(-1)).toMatchObject({ level: "warn", message: "there is no key for tokens: none is accepted" });
  });

  it("in another order or spelling are the same keys", async () => {
    const server = await serve(jwks(first, second));
    const { isKnown, clock, told } = await world({ url: server.url });
    expect(await isKnown(signed(other))).toBe(true);
    server.answer = jwks({ ...second.jwk, kid: "two", use: "sig", alg: "ES256", x5t: "AA" }, first);
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => server.asked() === 2);
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => server.asked() === 3);
    expect(told()).toBe(1);
  });

  it("are left out where they are no use or everyone could have them, and the rest serve", async () => {
    const privateJwk = (pair: Pair) => ({ ...pair.privateKey.export({ format: "jwk" }), kid: "leaked" });
    const server = await serve(
      jwks(
        { kty: "oct", k: Buffer.from(SECRET).toString("base64url"), kid: "secret" },
        privateJwk(pairs.EdDSA),
        { ...first.jwk, use: "enc" },
        { ...tokenKey("RS256", pairs.RS256).jwk, alg: "RSA-OAEP-256" },
        { kty: "EC", crv: "P-256", x: "AA", y: "AA" },
        { kty: "something new" },
        second,
      ),
    );
    const { isKnown, keys, lines } = await world({ url: server.url });
    expect(await isKnown(signed(other, "two"))).toBe(true);
    expect(kidsOf(keys)).toEqual(["two"]);
    expect(await isKnown(token({}, { kid: "secret" }))).toBe(false);
    expect(await isKnown(jws({ alg: "EdDSA" }, claims(), signer("EdDSA")))).toBe(false);
    const left = lines.find(({ message }) => message === "the keys of tokens are read")?.fields.left as string[];
    expect(left).toHaveLength(6);
    expect(JSON.stringify(lines)).not.toContain(Buffer.from(SECRET).toString("base64url"));
  });
});

describe("a server of keys", () => {
  const elsewhere: { server?: KeyServer } = {};
  const bad: readonly (readonly [string, RequestListener, RegExp])[] = [
    [
      "redirects",
      (_, response) => response.writeHead(302, { location: (elsewhere.server as KeyServer).url }).end(),
      /answers 302, and is not followed/,
    ],
    ["hangs", () => undefined, /does not answer within 150 ms/],
    [
      "begins and hangs",
      (_, response) => {
        response.write('{"keys":[');
      },
      /does not answer within 150 ms/,
    ],
    ["answers 500", (_, response) => response.writeHead(500).end('{"keys":[]}'), /answers 500/],
    ["answers 204", (_, response) => response.writeHead(204).end(), /answers 204/],
    [
      "answers without end",
      (_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(" ".repeat(65_536)));
          response.once("drain", more);
        };
        more();
      },
      /longer than 2000 bytes/,
    ],
    ["answers no JSON", (_, response) => response.end("<html>"), /no JSON/],
    ["answers no set", (_, response) => response.end('{"keys":{}}'), /no list/],
    ["answers a list of no objects", (_, response) => response.end('{"keys":[null]}'), /no list/],
    ["answers no object", (_, response) => response.end("[]"), /no JSON object/],
    ["answers no UTF-8", (_, response) => response.end(Buffer.from([0x7b, 0xff])), /no UTF-8/],
    ["answers too many keys", jwks(...Array.from({ length: 65 }, () => ({}))), /65 keys, more than 64/],
    ["ends the connection", (request) => request.socket.destroy(), /cannot be reached/],
  ];
  const own = { keysMs: 150, keysBytes: 2000 };

  it.each(bad)("that %s gives no keys: no token is called wrong, and the journal says so once", async (_, answer, why) => {
    elsewhere.server = await serve(jwks(first));
    const server = await serve(answer);
    const { tokens, clock, lines } = await world({ url: server.url }, own);
    for (let i = 0; i < 3; i++) {
      await expect(tokens.verify(signed(pairs.ES256))).rejects.toMatchObject({
        name: "AdapterError",
        code: "unavailable",
        retryable: true,
      });
      const asked = server.asked();
      await until(() => clock.sleepers === 1);
      await clock.pass(keysPauseMs, keysPauseMs);
      await until(() => server.asked() > asked);
    }
    await until(() => lines.length > 0);
    expect(lines.map(({ level, message }) => `${level}: ${message}`)).toEqual(["warn: the keys of tokens cannot be had now"]);
    expect(lines[0]?.fields.why).toMatch(why);
    expect(elsewhere.server.asked()).toBe(0);
    server.answer = jwks(first);
    await until(() => clock.sleepers === 1);
    await clock.pass(keysPauseMs, keysPauseMs);
    await until(() => lines.length > 1);
    expect(await tokens.verify(signed(pairs.ES256))).toMatchObject({ tenant: "default" });
    expect(lines[1]).toMatchObject({ level: "info", message: "the keys of tokens can be had again" });
  });

  it("that is away keeps the last keys in use for a while, and no longer", async () => {
    const server = await serve(jwks(first));
    const { isKnown, tokens, keys, clock, lines, told } = await world({ url: server.url });
    const good = signed(pairs.ES256, "one");
    expect(await isKnown(good)).toBe(true);
    await server.away();
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => lines.some(({ level }) => level === "warn"));
    for (let passed = keysLookMs; passed + keysPauseMs < keysKeptMs; passed += keysPauseMs) {
      const before = clock.sleepers;
      await clock.pass(keysPauseMs, keysPauseMs);
      await until(() => clock.sleepers === before);
    }
    expect(tokens.known(good)).toMatchObject({ tenant: "default" });
    expect(await isKnown(signed(pairs.ES256, "one", { sub: "anna" }))).toBe(true);
    const before = told();
    await clock.pass(2 * keysPauseMs, keysPauseMs);
    await until(() => keys.current() === undefined);
    expect(told()).toBe(before + 1);
    expect(tokens.known(good)).toBeUndefined();
    await expect(tokens.verify(good)).rejects.toMatchObject({ code: "unavailable" });
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    expect(lines.filter(({ level }) => level === "error")).toHaveLength(1);
    await server.back();
    await clock.pass(keysPauseMs, keysPauseMs);
    await until(() => keys.current() !== undefined);
    expect(await isKnown(good)).toBe(true);
  });

  it("is asked no more once nobody wants to know", async () => {
    const server = await serve(jwks(first));
    const { keys, clock } = await world({ url: server.url });
    await keys.look();
    keys.close();
    await clock.pass(3 * keysLookMs, keysLookMs);
    await keys.look();
    expect(server.asked()).toBe(1);
    expect(clock.sleepers).toBe(0);
  });

  it("keeps no process alive that only waits to look again", async () => {
    const server = await serve(jwks(first));
    const root = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../${path}`, import.meta.url)));
    const program = `
      const { openTokenKeys } = await import(${root("adapters/token-keys.ts")});
      const { quietClock } = await import(${root("adapters/clock.ts")});
      const { limits } = await import(${root("domain/limits.ts")});
      const journal = { info: () => {}, warn: () => {}, error: () => {} };
      const keys = await openTokenKeys({ url: ${JSON.stringify(server.url)} }, { limits, clock: quietClock, journal });
      await keys.look();
      console.log(keys.current().length);`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { timeout: 20_000 });
    expect(stdout).toBe("1\n");
  });
});

describe("keys in a file", () => {
  const written = async (...keys: readonly object[]) => {
    const path = join(await folder(), "keys.json");
    const write = async (text: string): Promise<void> => {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    };
    const put = (...these: readonly object[]) => write(JSON.stringify({ keys: these }));
    await put(...keys);
    return { path, write, put };
  };
  const one = { ...first.jwk, kid: "one" };
  const two = { ...second.jwk, kid: "two" };

  it("that change tell of a defect of who hears of it, and close without one", async () => {
    const { path, put } = await written(one);
    const { clock, keys } = await world({ file: path });
    const defect = new TypeError("not a function");
    keys.onChanged(() => {
      throw defect;
    });
    const told = expect(keys.done).rejects.toBe(defect);
    await put(two);
    await clock.pass(keysLookMs, keysLookMs);
    await told;
    const closed = await world({ file: path });
    closed.keys.close();
    await closed.keys.done;
  });

  it("are looked at again: a new one counts, one that is gone counts no more", async () => {
    const { path, put } = await written(one);
    const { isKnown, tokens, clock, keys } = await world({ file: path });
    const old = signed(pairs.ES256, "one");
    expect(await isKnown(old)).toBe(true);
    await put(one, two);
    await clock.pass(keysPauseMs, keysPauseMs);
    expect(await isKnown(signed(other, "two"))).toBe(true);
    expect(await isKnown(old)).toBe(true);
    await put(two);
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => kidsOf(keys)?.join() === "two");
    expect(tokens.known(old)).toBeUndefined();
    expect(await isKnown(old)).toBe(false);
  });

  it.each([
    ["empty", ""],
    ["half written", '{"keys":[{"kty":"EC"'],
    ["with a key nobody can use", JSON.stringify({ keys: [two, { kty: "oct", k: "AAAA" }] })],
    ["without a key", '{"keys":[]}'],
  ])("stay in use where the file is %s", async (_, text) => {
    const { path, write } = await written(one);
    const { isKnown, clock, lines, keys } = await world({ file: path });
    await write(text);
    await clock.pass(keysLookMs, keysLookMs);
    await until(() => lines.length > 0);
    expect(lines[0]).toMatchObject({ level: "warn", message: "the keys of tokens cannot be had now" });
    expect(kidsOf(keys)).toEqual(["one"]);
    expect(await isKnown(signed(pairs.ES256, "one"))).toBe(true);
  });
});

describe("a secret", () => {
  it("is its bytes as they are written", async () => {
    const { isKnown, keys, told } = await world({ secret: SECRET });
    await keys.look();
    expect(await isKnown(token())).toBe(true);
    expect(told()).toBe(0);
  });
});
