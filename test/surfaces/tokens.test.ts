/** What is tried with tokens, over real HTTP. */

import { generateKeyPairSync } from "node:crypto";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { CompactEncrypt, EncryptJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeCore } from "../support/core.ts";
import { json, type Served, serveCore } from "../support/surface.ts";
import {
  AUDIENCE,
  claims,
  FakeKeys,
  hmac,
  ISSUER,
  jws,
  NOW,
  pairs,
  part,
  SECRET,
  secretKey,
  signer,
  token,
  tokenKey,
  tokenOfText,
  tokensWith,
} from "../support/tokens.ts";

const PATH = "/api/v2/alerts?sensorId=a";
// How often one may fail is tried elsewhere.
const core = new FakeCore({ failedLogins: 1_000_000 });
const keys = new FakeKeys();
let served: Served;
beforeAll(async () => {
  served = await serveCore(core, { tokens: tokensWith(keys, { now: core.now }) });
});
afterAll(() => served.close());
beforeEach(() => {
  keys.change([secretKey()]);
  core.clock = NOW * 1000;
  core.asked.length = 0;
});

/** Over a connection by hand: fetch joins headers that are sent twice, and refuses some. */
const send = (authorization: string | readonly string[]): Promise<{ status: number; detail: string; challenge: string }> =>
  new Promise((resolve, reject) => {
    const sent = request(`${served.url}${PATH}`, { headers: { authorization: authorization as string } }, (answer) => {
      let body = "";
      answer.on("data", (data) => {
        body += data;
      });
      answer.on("end", () =>
        resolve({
          status: answer.statusCode ?? 0,
          detail: body.startsWith("{") ? (JSON.parse(body).detail ?? "") : body,
          challenge: answer.headers["www-authenticate"] ?? "",
        }),
      );
    });
    sent.on("error", reject).end();
  });
const show = (text: string) => send(`Bearer ${text}`);
const tenants = () => core.asked.map(({ scope }) => (scope as { tenant: string }).tenant);

const UNSIGNED = "The token is not signed by a key known here.";
const UNREADABLE = "This is no token that is understood here.";
const expectRefused = async (text: string, detail: string): Promise<void> => {
  const answer = await show(text);
  expect(answer).toMatchObject({ status: 401, detail });
  expect(answer.challenge).toContain('error="invalid_token"');
  expect(core.asked).toEqual([]);
};

describe("a token that holds", () => {
  it("lets its caller in as its tenant, the first time and again", async () => {
    const good = token({ tenant_id: "acme" });
    expect((await show(good)).status).toBe(200);
    expect((await show(good)).status).toBe(200);
    expect(tenants()).toEqual(["acme", "acme"]);
  });

  it.each(["RS256", "ES256", "EdDSA"] as const)("may be signed by a public key: %s", async (alg) => {
    keys.change([tokenKey(alg, pairs[alg])]);
    expect((await show(token({}, { alg }, signer(alg)))).status).toBe(200);
  });

  it("lacking the scope is 403 that names it", async () => {
    const answer = await show(token({ scope: "ops cameras:read" }));
    expect(answer).toMatchObject({ status: 403, detail: "The token lacks the scope events:read." });
    expect(answer.challenge).toContain('scope="events:read"');
    expect((await show(token({ scope: undefined }))).status).toBe(403);
  });

  it("may have other headers, which are neither fetched nor used", async () => {
    const fetched: string[] = [];
    const trap = createServer((asked, answer) => {
      fetched.push(asked.url ?? "");
      answer.end(JSON.stringify({ keys: [own.publicKey.export({ format: "jwk" })] }));
    });
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(trap.address() as AddressInfo).port}/keys`;
    const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
    keys.change([tokenKey("ES256", pairs.ES256)]);
    const header = { alg: "ES256", jku: url, x5u: url, jwk: own.publicKey.export({ format: "jwk" }), x5c: ["AAAA"] };
    await expectRefused(jws(header, claims(), signer("ES256", own)), UNSIGNED);
    expect((await show(jws(header, claims(), signer("ES256")))).status).toBe(200);
    expect(fetched).toEqual([]);
    await new Promise((resolve) => trap.close(resolve));
  });

  it.each(["../../../../dev/null", "' OR 1=1 --", "key\u0000", "__proto__", "a".repeat(2000)])(
    "has a kid that is compared and nothing else: %j",
    async (kid) => {
      expect((await show(token({}, { kid }))).status).toBe(200);
      core.asked.length = 0;
      keys.change([tokenKey("ES256", pairs.ES256, "one")]);
      await expectRefused(token({}, { alg: "ES256", kid }, signer("ES256")), UNSIGNED);
    },
  );
});

describe("no algorithm is taken from the token", () => {
  it.each(["none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", null, undefined, 0, ["HS256"], { alg: "HS256" }])(
    "alg %j is refused, signed or not",
    async (alg) => {
      const detail = typeof alg === "string" ? UNSIGNED : UNREADABLE;
      const header = part({ alg, typ: "JWT" });
      await expectRefused(`${header}.${part(claims())}.`, UNREADABLE);
      await expectRefused(`${header}.${part(claims())}`, UNREADABLE);
      await expectRefused(`${header}.${part(claims())}.AA`, detail);
      await expectRefused(jws({ alg }, claims(), hmac()), detail);
    },
  );

  it.each([384, 512])("HS%i is refused though the secret is right", async (bits) => {
    await expectRefused(jws({ alg: `HS${bits}` }, claims(), hmac(SECRET, bits)), UNSIGNED);
  });

  it.each(["RS256", "ES256", "EdDSA"] as const)("a public key (%s) is no secret, in any spelling of it", async (alg) => {
    const key = tokenKey(alg, pairs[alg]);
    keys.change([key]);
    const { publicKey } = pairs[alg];
    const pem = publicKey.export({ format: "pem", type: "spki" }) as string;
    const der = publicKey.export({ format: "der", type: "spki" });
    const spellings = [pem, pem.trim(), pem.replaceAll("\n", "\r\n"), pem.replace(/-----[^-]+-----|\n/g, ""), der, der.toString("base64")];
    const jwk = [JSON.stringify(key.jwk), JSON.stringify(publicKey.export({ format: "jwk" })), key.jwk.n ?? key.jwk.x ?? ""];
    for (const secret of [...spellings, ...jwk, Buffer.from(jwk[2] as string, "base64url"), ""])
      for (const claimed of ["HS256", alg]) await expectRefused(jws({ alg: claimed }, claims(), hmac(secret)), UNSIGNED);
  });

  it("a secret is no public key", async () => {
    for (const alg of ["RS256", "ES256", "EdDSA"] as const) await expectRefused(token({}, { alg }, signer(alg)), UNSIGNED);
  });

  it("one kind of public key does not verify for another, nor do longer hashes and other paddings", async () => {
    keys.change((["RS256", "ES256", "EdDSA"] as const).map((alg) => tokenKey(alg, pairs[alg])));
    for (const alg of ["RS384", "RS512", "PS256", "ES384", "ES256K", "Ed25519", "ML-DSA-44", "dir"])
      for (const by of ["RS256", "ES256", "EdDSA"] as const) await expectRefused(token({}, { alg }, signer(by)), UNSIGNED);
    for (const alg of ["RS256", "ES256", "EdDSA"] as const)
      for (const by of (["RS256", "ES256", "EdDSA"] as const).filter((other) => other !== alg))
        await expectRefused(token({}, { alg }, signer(by)), UNSIGNED);
  });
});

describe("a signature", () => {
  const [header, payload, signature] = token().split(".") as [string, string, string];
  const at = (text: string, i: number): string => text.slice(0, i) + (text[i] === "A" ? "B" : "A") + text.slice(i + 1);
  it.each([
    ["empty", `${header}.${payload}.`, UNREADABLE],
    ["absent", `${header}.${payload}`, UNREADABLE],
    ["cut", `${header}.${payload}.${signature.slice(0, -4)}`, UNSIGNED],
    ["one byte", `${header}.${payload}.AA`, UNSIGNED],
    [
      "extended",
      `${header}.${payload}.${Buffer.concat([Buffer.from(signature, "base64url"), Buffer.from("x")]).toString("base64url")}`,
      UNSIGNED,
    ],
    ["of another token", `${header}.${payload}.${token({ tenant_id: "other" }).split(".")[2]}`, UNSIGNED],
    ["changed at its beginning", `${header}.${payload}.${at(signature, 0)}`, UNSIGNED],
    ["under another payload", `${header}.${part(claims({ tenant_id: "other" }))}.${signature}`, UNSIGNED],
    ["under another header", `${part({ alg: "HS256", kid: "x" })}.${payload}.${signature}`, UNSIGNED],
    ["in the payload's place", `${header}.${signature}.${payload}`, UNSIGNED],
    ["of zeros", `${header}.${payload}.${Buffer.alloc(32).toString("base64url")}`, UNSIGNED],
    ["followed by a fourth part", `${header}.${payload}.${signature}.`, UNREADABLE],
    ["padded", `${header}.${payload}.${signature}=`, UNREADABLE],
    ["in the alphabet with + and /", `${header}.${payload}.${signature.slice(0, -2)}+/`, UNREADABLE],
    ["percent-encoded", `${header}.${payload}.%41${signature.slice(1)}`, UNREADABLE],
  ])("that is %s is refused", async (_, text, detail) => expectRefused(text, detail));

  it.each(["ES256", "EdDSA", "RS256"] as const)("of zeros under a public key is refused: %s", async (alg) => {
    keys.change([tokenKey(alg, pairs[alg])]);
    const input = `${part({ alg })}.${part(claims())}`;
    for (const bytes of [1, 63, 64, 65, 256]) await expectRefused(`${input}.${Buffer.alloc(bytes).toString("base64url")}`, UNSIGNED);
  });

  it("spelt in another way that stands for the same bytes is refused, seen before or not", async () => {
    expect((await show(token())).status).toBe(200);
    core.asked.length = 0;
    const last = signature.at(-1) as string;
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const same = [...alphabet].filter(
      (letter) => letter !== last && Buffer.from(signature.slice(0, -1) + letter, "base64url").equals(Buffer.from(signature, "base64url")),
    );
    expect(same).toHaveLength(3);
    for (const letter of same) await expectRefused(`${header}.${payload}.${signature.slice(0, -1)}${letter}`, UNREADABLE);
  });
});

describe("what is no signed token in compact form is refused", () => {
  const secret = Buffer.alloc(32, 7);
  it("an encrypted one, with or without a signed one in it", async () => {
    const inner = token();
    const protectedHeader = { alg: "dir", enc: "A256GCM" } as const;
    await expectRefused(await new EncryptJWT(claims()).setProtectedHeader(protectedHeader).encrypt(secret), UNREADABLE);
    const nested = new CompactEncrypt(Buffer.from(inner)).setProtectedHeader({ ...protectedHeader, cty: "JWT" });
    await expectRefused(await nested.encrypt(secret), UNREADABLE);
  });

  it("a signed one in a signed one", async () => {
    await expectRefused(jws({ alg: "HS256", cty: "JWT" }, token(), hmac()), UNREADABLE);
  });

  it("the JSON serialisations", async () => {
    const [header, payload, signature] = token().split(".");
    for (const form of [
      { protected: header, payload, signature },
      { payload, signatures: [{ protected: header, signature }] },
    ]) {
      await expectRefused(JSON.stringify(form), UNREADABLE);
      await expectRefused(part(form), UNREADABLE);
    }
  });

  it.each([
    "a",
    ".",
    "..",
    "...",
    "a.b.c",
    "e30.e30.e30",
    "null",
    "undefined",
    `${part([])}.${part({})}.AA`,
    `${part("null")}.${part({})}.AA`,
  ])("%s", async (text) => expectRefused(text, UNREADABLE));

  it.each(["{}x", "[]", "null", '"text"', "1", "", "{", '{"exp":1}}', "\ufeff{}"])("claims that are %j", async (text) => {
    await expectRefused(
      text === "" ? `${part({ alg: "HS256" })}..AA` : tokenOfText(text),
      text === "\ufeff{}" ? "The token lacks iss." : UNREADABLE,
    );
  });

  it("claims after a byte order mark, or that are no UTF-8", async () => {
    await expectRefused(tokenOfText(`\ufeff${JSON.stringify(claims())}`), UNREADABLE);
    const header = part({ alg: "HS256" });
    const bytes = Buffer.concat([
      Buffer.from(JSON.stringify(claims({ sub: "x" })).replace('"x"}', '"')),
      Buffer.from([0xff]),
      Buffer.from('"}'),
    ]);
    const input = `${header}.${bytes.toString("base64url")}`;
    await expectRefused(`${input}.${hmac()(input).toString("base64url")}`, UNREADABLE);
  });
});

describe("a header", () => {
  it.each([["exp"], ["b64"], [], "exp", [1], ["alg"], ["__proto__"], null, ["exp", "exp"]])("with crit %j is refused", async (crit) => {
    await expectRefused(token({}, { crit, b64: false, exp: 1 }), UNREADABLE);
  });

  it("that says b64 false without crit is taken as what it is: encoded", async () => {
    expect((await show(token({}, { b64: false }))).status).toBe(200);
  });

  it.each([
    '{"alg":"HS256","alg":"HS256"}',
    '{"alg":"none","\\u0061lg":"HS256"}',
    '{"alg":"HS256","x":1,"x":1}',
    '{"alg":"HS256","kid":1}',
  ])("%s is refused", async (header) => expectRefused(jws(header, claims(), hmac()), UNREADABLE));
});

describe("how a token is shown", () => {
  it("Bearer in any case, spaces around it", async () => {
    for (const header of [`bearer ${token()}`, `BEARER ${token()}`, `Bearer   ${token()}`, `Bearer ${token()}  `, `  Bearer ${token()}`])
      expect((await send(header)).status, header).toBe(200);
  });

  it.each([
    "",
    "Bearer",
    "Bearer ",
    "Basic dXNlcjpwYXNz",
    `Token ${token()}`,
    token(),
    `Bearer ${token()} x`,
    `Bearer\t${token()}`,
    `Bearer, ${token()}`,
  ])("nothing else: %s", async (header) => {
    expect((await send(header)).status).toBe(401);
    expect(core.asked).toEqual([]);
  });

  it("twice is once too often, whatever they are: whoever stands before us may have looked at the other", async () => {
    const [one, two] = [`Bearer ${token({ tenant_id: "one" })}`, `Bearer ${token({ tenant_id: "two" })}`];
    for (const both of [
      [one, two],
      [one, one],
      ["Basic dXNlcjpwYXNz", one],
      [one, ""],
    ]) {
      expect((await send(both)).status).toBe(401);
      expect(core.asked).toEqual([]);
    }
  });

  it("not in the address of a request", async () => {
    expect((await fetch(`${served.url}${PATH}&token=${token()}`)).status).toBe(401);
    expect(core.asked).toEqual([]);
  });

  it("a megabyte is 431 before anyone looks at it", async () => {
    expect((await show("a".repeat(1024 * 1024))).status).toBe(431);
  });
});

describe("the answer to a token that is refused", () => {
  it("repeats nothing of it", async () => {
    const marks = ["canary-tenant", "canary-scope", "canary-subject", "canary-kid", "canary-issuer", "canary-audience"];
    const own = { tenant_id: marks[0], scope: marks[1], sub: marks[2] };
    const attempts = [
      token({ ...own, exp: "canary-tenant" }, { kid: marks[3] }),
      token({ ...own, iss: marks[4] }),
      token({ ...own, aud: marks[5] }),
      token({ ...own, exp: 1 }),
      token({ ...own, scopes: { "canary-scope": 1 } }),
      token({ ...own, features: ["canary-scope", 1] }),
      token({ ...own, scope: "" }),
      token(own, { kid: marks[3] }, hmac("canary-key")),
      token(own, { crit: ["canary-kid"], "canary-kid": 1 }),
    ];
    for (const text of attempts) {
      const answer = await fetch(served.url + PATH, { headers: { authorization: `Bearer ${text}` } });
      expect([401, 403]).toContain(answer.status);
      expect(`${JSON.stringify([...answer.headers])}${await answer.text()}`).not.toContain("canary");
    }
    expect(core.lines.join("\n")).not.toContain("canary");
  });

  it("is the same whether there is such a key or not", async () => {
    keys.change([tokenKey("ES256", pairs.ES256, "there")]);
    const other = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const answers = await Promise.all(["there", "elsewhere"].map((kid) => show(token({}, { alg: "ES256", kid }, signer("ES256", other)))));
    expect(answers[0]).toEqual(answers[1]);
  });
});

describe("without keys", () => {
  it("nobody is told that a token is wrong: 503, and again when they come", async () => {
    keys.change(undefined);
    const answer = await fetch(served.url + PATH, { headers: { authorization: `Bearer ${token()}` } });
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).not.toBeNull();
    expect((await json(answer)).detail).not.toContain(ISSUER);
    keys.next = [secretKey()];
    expect((await show(token())).status).toBe(200);
  });

  it("what is no token is 401 all the same, and nobody looks for keys", async () => {
    keys.change(undefined);
    keys.looks = 0;
    await expectRefused("a.b.c", UNREADABLE);
    expect(keys.looks).toBe(0);
  });

  it("of an audience: the setting is named nowhere", async () => {
    expect((await show(token({ aud: "x" }))).detail).not.toContain(AUDIENCE);
  });
});
