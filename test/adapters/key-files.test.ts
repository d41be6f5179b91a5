/** Every form in which a key may be written down, and those that are refused. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openSigningKey, openTokenKeys } from "../../adapters/token-keys.ts";
import { limits } from "../../domain/limits.ts";
import { claims, jws, pairs, signer, tokensWith } from "../support/tokens.ts";

const folder = mkdtempSync(join(tmpdir(), "tallywire-key-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const written = (text: string | Buffer): string => {
  const path = join(folder, `key-${++files}`);
  writeFileSync(path, text);
  return path;
};
const journal = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, fatal: () => {} };
const opened = async (text: string | Buffer) => {
  const keys = await openTokenKeys({ file: written(text) }, { limits, clock: systemClock, journal });
  keys.close();
  return keys;
};
const kinds = ["RS256", "ES256", "EdDSA"] as const;
const pem = (key: KeyObject, type: "spki" | "pkcs1" | "pkcs8" | "sec1"): string =>
  key.export({ format: "pem", type } as never) as unknown as string;
const jwk = (key: KeyObject): Record<string, string> => key.export({ format: "jwk" }) as Record<string, string>;

/** A certificate as DER: what stands in it beside the key is as short as it may be. */
const certificate = ({ publicKey, privateKey }: (typeof pairs)["EdDSA"]): string => {
  const der = (tag: number, ...parts: readonly Buffer[]): Buffer => {
    const body = Buffer.concat(parts);
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([tag, ...length]), body]);
  };
  const ed25519 = der(0x30, der(0x06, Buffer.from([0x2b, 0x65, 0x70])));
  const nobody = der(0x30);
  const validity = der(0x30, der(0x17, Buffer.from("200101000000Z")), der(0x17, Buffer.from("210101000000Z")));
  const spki = publicKey.export({ format: "der", type: "spki" });
  const body = der(0x30, der(0x02, Buffer.from([1])), ed25519, nobody, validity, nobody, spki);
  const whole = der(0x30, body, ed25519, der(0x03, Buffer.from([0]), sign(null, body, privateKey)));
  const lines = whole.toString("base64").match(/.{1,64}/g) as string[];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
};

describe("a key file", () => {
  const forms: readonly (readonly [string, (typeof kinds)[number], string])[] = [
    ...kinds.flatMap((alg): (readonly [string, typeof alg, string])[] => {
      const { publicKey, privateKey } = pairs[alg];
      return [
        ["a public key in PEM", alg, pem(publicKey, "spki")],
        ["a private key in PEM", alg, pem(privateKey, "pkcs8")],
        ["a public JWK", alg, JSON.stringify(jwk(publicKey))],
        ["a private JWK", alg, JSON.stringify(jwk(privateKey))],
        ["a JWK Set", alg, JSON.stringify({ keys: [jwk(publicKey)] })],
        ["a JWK that says what it is for", alg, JSON.stringify({ ...jwk(publicKey), alg, use: "sig", key_ops: ["verify"], kid: "one" })],
        ["a private JWK that says what it is for", alg, JSON.stringify({ ...jwk(privateKey), alg, use: "sig", key_ops: ["sign"] })],
      ];
    }),
    ["an older form of public PEM", "RS256", pem(pairs.RS256.publicKey, "pkcs1")],
    ["an older form of private PEM", "RS256", pem(pairs.RS256.privateKey, "pkcs1")],
    ["an older form of private PEM", "ES256", pem(pairs.ES256.privateKey, "sec1")],
    [
      "that form with the parameters OpenSSL writes before it",
      "ES256",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem(pairs.ES256.privateKey, "sec1")}`,
    ],
    ["a certificate", "EdDSA", certificate(pairs.EdDSA)],
    ["a chain of certificates", "EdDSA", certificate(pairs.EdDSA) + certificate(generateKeyPairSync("ed25519"))],
    ["text before the key", "EdDSA", `Our key\n${pem(pairs.EdDSA.publicKey, "spki")}`],
    ["a JWK with the curve's name as its algorithm", "EdDSA", JSON.stringify({ ...jwk(pairs.EdDSA.publicKey), alg: "Ed25519" })],
    ["a JWK after blanks", "EdDSA", `\n\t ${JSON.stringify(jwk(pairs.EdDSA.publicKey))}`],
  ];
  it.each(forms)("may hold %s: %s", async (_, alg, text) => {
    const keys = await opened(text);
    expect(keys.current()).toMatchObject([{ alg }]);
    expect(keys.current()?.[0]?.jwk).not.toHaveProperty("d");
    expect(await tokensWith(keys).verify(jws({ alg, kid: "one" }, claims(), signer(alg)))).toMatchObject({ tenant: "default" });
  });

  const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const public2 = pem(pairs.EdDSA.publicKey, "spki") + pem(pairs.ES256.publicKey, "spki");
  const locked = pairs.EdDSA.privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }) as string;
  const ed = jwk(pairs.EdDSA.publicKey);
  it.each<readonly [string, string | Buffer, RegExp]>([
    ["RSA of 1024 bits", pem(weak.publicKey, "spki"), /2048 bits or more, this one has 1024/],
    ["RSA of 1024 bits as JWK", JSON.stringify(jwk(weak.publicKey)), /2048 bits or more/],
    ["RSA with the exponent 1", JSON.stringify({ ...jwk(pairs.RS256.publicKey), e: "AQ" }), /exponent|cannot be read/],
    ["RSA with an even exponent", JSON.stringify({ ...jwk(pairs.RS256.publicKey), e: "AQAA" }), /exponent|cannot be read/],
    ["RSA for PSS alone", pem(generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey, "spki"), /this one is rsa-pss/],
    ["a longer curve", pem(p384.publicKey, "spki"), /on the curve P-256, this one on secp384r1/],
    ["a curve of coins", pem(generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey, "spki"), /this one on secp256k1/],
    ["Ed448", pem(generateKeyPairSync("ed448").publicKey, "spki"), /this one is ed448/],
    ["X25519", pem(generateKeyPairSync("x25519").publicKey, "spki"), /this one is x25519/],
    ["a secret", JSON.stringify({ kty: "oct", k: "A".repeat(64) }), /TALLYWIRE_JWT_SECRET/],
    ["a point on no curve", JSON.stringify({ ...jwk(pairs.ES256.publicKey), x: "AAAA" }), /cannot be read as a key/],
    ["a key for encryption", JSON.stringify({ ...ed, use: "enc" }), /use is not sig/],
    ["a key for something else", JSON.stringify({ ...ed, key_ops: ["deriveKey"] }), /key_ops lack verify/],
    ["a key for another algorithm", JSON.stringify({ ...jwk(pairs.RS256.publicKey), alg: "PS256" }), /alg is not RS256/],
    ["a name that is none", JSON.stringify({ ...ed, kid: 1 }), /kid is no text/],
    ["a kind nobody knows", JSON.stringify({ kty: "AKP", pub: "AA" }), /cannot be read as a key/],
    ["an encrypted private key", locked, /encrypted/],
    ["two keys in PEM", public2, /more than one key/],
    ["a set with one that cannot be used", JSON.stringify({ keys: [ed, jwk(weak.publicKey)] }), /2048 bits/],
    ["a set of nothing", '{"keys":[]}', /no key/],
    ["a set that is none", '{"keys":{}}', /no list/],
    ["too many keys", JSON.stringify({ keys: Array.from({ length: limits.tokenKeys + 1 }, () => ed) }), /65 keys, more than 64/],
    ["nothing", "", /cannot be read as a key/],
    ["text", "no key at all", /cannot be read as a key/],
    ["half a PEM", pem(pairs.EdDSA.publicKey, "spki").slice(0, 60), /cannot be read as a key/],
    ["half a JSON", '{"kty":', /no JSON/],
    ["bytes", Buffer.from([0xff, 0xfe, 0]), /no UTF-8/],
    ["more than may be", " ".repeat(limits.keysBytes + 1), /longer than 262144 bytes/],
  ])("may not hold %s, and the error says why and quotes nothing", async (_, text, why) => {
    const told = await opened(text).then(
      () => undefined,
      (error: Error) => error,
    );
    expect(told).toMatchObject({ name: "AdapterError", code: "corrupt", retryable: false, message: expect.stringMatching(why) });
    for (const part of [ed.x, "A".repeat(64), "BEGIN"]) expect(told?.message).not.toContain(part);
  });

  it("that is not there, or is a folder, is said to be", async () => {
    for (const [file, why] of [
      [join(folder, "nowhere"), /nowhere: it cannot be read \(ENOENT\)/],
      [folder, /cannot be read \(EISDIR\)/],
    ] as const)
      await expect(openTokenKeys({ file }, { limits, clock: systemClock, journal })).rejects.toThrow(why);
  });
});

describe("a key to sign with", () => {
  it.each(kinds)("is the private key of a file: %s", async (alg) => {
    const { publicKey, privateKey } = pairs[alg];
    for (const text of [
      pem(privateKey, "pkcs8"),
      JSON.stringify(jwk(privateKey)),
      JSON.stringify({ keys: [jwk(publicKey), { ...jwk(privateKey), kid: "two" }] }),
    ]) {
      const key = await openSigningKey({ file: written(text) }, limits);
      expect(key).toMatchObject({ alg, jwk: { d: expect.any(String) } });
      expect(createPublicKey({ key: { ...key?.jwk }, format: "jwk" }).equals(publicKey)).toBe(true);
    }
  });

  it("is not there in a file of public keys, nor at a URL", async () => {
    const { publicKey } = pairs.ES256;
    for (const text of [
      pem(publicKey, "spki"),
      certificate(pairs.EdDSA),
      JSON.stringify(jwk(publicKey)),
      JSON.stringify({ keys: [jwk(publicKey)] }),
    ])
      expect(await openSigningKey({ file: written(text) }, limits)).toBeUndefined();
    expect(await openSigningKey({ url: "https://issuer.example/keys" }, limits)).toBeUndefined();
  });

  it("that is too weak is refused", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    await expect(openSigningKey({ file: written(pem(privateKey, "pkcs8")) }, limits)).rejects.toThrow(/2048 bits/);
  });
});
