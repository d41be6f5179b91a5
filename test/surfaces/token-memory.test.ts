/** Tokens that were verified are remembered, for as long as they hold and as many as may be. */
import { describe, expect, it } from "vitest";
import { type Limits, limits } from "../../domain/limits.ts";
import { claims, FakeKeys, hmac, jws, NOW, pairs, SECRET, secretKey, signer, token, tokenKey, tokensWith } from "../support/tokens.ts";

/** Milliseconds this process has computed. */
const busyMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const world = (own: Partial<Limits> = {}) => {
  const time = { now: NOW * 1000 };
  const keys = new FakeKeys(secretKey());
  const tokens = tokensWith(keys, { now: () => time.now, limits: { ...limits, ...own } });
  return { time, keys, tokens };
};

describe("a verified token", () => {
  it("is known from then on, without being verified again", async () => {
    const { tokens, keys } = world();
    const text = token({ sub: "anna" });
    expect(tokens.known(text)).toBeUndefined();
    const caller = await tokens.verify(text);
    expect(caller).toMatchObject({ tenant: "default", subject: "anna" });
    expect(tokens.known(text)).toEqual(caller);
    // Without a word from where they come from, keys are as they were: nobody verified it with these.
    keys.keys = [];
    expect(tokens.known(text)).toEqual(caller);
    expect(tokens.known(`${text}A`)).toBeUndefined();
  });

  it("is known until it expires, tolerance and all, to the millisecond", async () => {
    const { tokens, time } = world();
    const exp = NOW + 60;
    const text = token({ exp });
    await tokens.verify(text);
    time.now = (exp + limits.tokenToleranceSeconds) * 1000 - 1;
    expect(tokens.known(text)).toMatchObject({ tenant: "default" });
    time.now += 1;
    expect(tokens.known(text)).toBeUndefined();
    expect(await tokens.verify(text)).toEqual({ unauthenticated: "The token has expired." });
    // Forgotten, not only hidden: a clock that is set back does not bring it back unverified.
    time.now -= 1;
    expect(tokens.known(text)).toBeUndefined();
    expect(await tokens.verify(text)).toMatchObject({ tenant: "default" });
  });

  it("that nobody has room for is the oldest", async () => {
    const { tokens } = world({ tokensKept: 3 });
    const [a, b, c, d] = ["a", "b", "c", "d"].map((sub) => token({ sub })) as [string, string, string, string];
    for (const text of [a, b, c, a, d]) await tokens.verify(text);
    expect([a, b, c, d].map((text) => tokens.known(text) !== undefined)).toEqual([true, false, true, true]);
  });

  it("that is verified again takes no second place", async () => {
    const { tokens } = world({ tokensKept: 2 });
    const [a, b] = [token({ sub: "a" }), token({ sub: "b" })];
    for (const text of [a, b, b, b, b]) await tokens.verify(text);
    expect([a, b].map((text) => tokens.known(text) !== undefined)).toEqual([true, true]);
  });

  it("that was refused is not remembered, as wrong or as right", async () => {
    const { tokens, keys } = world();
    const text = jws({ alg: "ES256" }, claims(), signer("ES256"));
    expect(await tokens.verify(text)).toHaveProperty("unauthenticated");
    expect(tokens.known(text)).toBeUndefined();
    keys.change([tokenKey("ES256", pairs.ES256)]);
    expect(await tokens.verify(text)).toMatchObject({ tenant: "default" });
  });
});

describe("when keys change", () => {
  it("every token is to be verified again, and who listens is told after that", async () => {
    const { tokens, keys } = world();
    const text = token();
    await tokens.verify(text);
    const seen: unknown[] = [];
    tokens.onKeysChanged(() => seen.push(tokens.known(text)));
    keys.change([secretKey()]);
    expect(seen).toEqual([undefined]);
    expect(await tokens.verify(text)).toMatchObject({ tenant: "default" });
    keys.change([secretKey(`${SECRET}, but another`)]);
    expect(await tokens.verify(text)).toHaveProperty("unauthenticated");
  });

  it("while a token is being verified, it is verified again with those in force", async () => {
    const { tokens, keys } = world();
    const text = token();
    const verifying = tokens.verify(text);
    keys.change([secretKey(`${SECRET}, but another`)]);
    expect(await verifying).toHaveProperty("unauthenticated");
    expect(tokens.known(text)).toBeUndefined();
  });

  it("and none is left while a token is being verified, nobody says that it is wrong", async () => {
    const { tokens, keys } = world();
    const verifying = tokens.verify(token());
    keys.change(undefined);
    await expect(verifying).rejects.toMatchObject({ name: "AdapterError", code: "unavailable", retryable: true });
  });
});

describe("a long token", () => {
  /** As long as wanted, or up to two letters shorter: three bytes are four letters. */
  const sized = (length: number): string => {
    const text = (fill: number): string => token({ fill: "x".repeat(fill) });
    let fill = 0;
    while (text(fill + 1).length <= length) fill++;
    return text(fill);
  };
  it("is taken up to the limit, and refused unread beyond", async () => {
    const { tokens } = world();
    const longest = sized(limits.tokenBytes);
    expect(longest.length).toBeGreaterThan(limits.tokenBytes - 3);
    expect(longest.length).toBeLessThanOrEqual(limits.tokenBytes);
    expect(await tokens.verify(longest)).toMatchObject({ tenant: "default" });
    const longer = token({ fill: "x".repeat(limits.tokenBytes) });
    expect(await tokens.verify(longer)).toEqual({ unauthenticated: `A token is no longer than ${limits.tokenBytes} bytes.` });
    expect(tokens.known(longer)).toBeUndefined();
  });

  it.each([
    ["of one letter", "a".repeat(1_000_000)],
    ["of points", ".".repeat(1_000_000)],
    ["well made", jws({ alg: "HS256" }, claims({ fill: "x".repeat(750_000) }), hmac())],
    ["of brackets", `${Buffer.from("[".repeat(700_000)).toString("base64url")}.e30.AA`],
  ])("of a megabyte, %s, costs nothing", async (_, text) => {
    const { tokens, keys } = world();
    const begin = busyMs();
    for (let i = 0; i < 1000; i++) {
      expect(tokens.known(text)).toBeUndefined();
      expect(await tokens.verify(text)).toHaveProperty("unauthenticated");
    }
    // Once is to be far below a millisecond: a thousand times a megabyte could not be hashed in this time.
    expect(busyMs() - begin).toBeLessThan(500);
    expect(keys.looks).toBe(0);
  });

  it("as long as may be, and made to be slow, is still quick", async () => {
    const { tokens } = world();
    const room = Math.floor((limits.tokenBytes * 3) / 4) - 300;
    const texts = [
      jws(`{"alg":"HS256","x":${"[".repeat(room / 2)}${"]".repeat(room / 2)}}`, "{}", hmac()),
      jws(`{"alg":"HS256","x":"${"\\\\".repeat(room / 2)}"}`, "{}", hmac()),
      jws(`{"alg":"HS256"${',"a":1'.repeat(room / 6)}}`, "{}", hmac()),
      jws({ alg: "HS256" }, `{${Array.from({ length: room / 9 }, (_, i) => `"${i}":1`).join(",")}}`, hmac()),
    ];
    for (const text of texts) {
      expect(text.length).toBeLessThanOrEqual(limits.tokenBytes);
      // The best of several: a machine that does other things too is no fault of the token.
      let best = Number.POSITIVE_INFINITY;
      for (let i = 0; i < 5; i++) {
        const begin = busyMs();
        expect(await tokens.verify(text)).toHaveProperty("unauthenticated");
        best = Math.min(best, busyMs() - begin);
      }
      expect(best).toBeLessThan(50);
    }
  });
});
