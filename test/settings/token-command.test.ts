import { generateKeyPairSync } from "node:crypto";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../config.ts";
import { limits } from "../../domain/limits.ts";
import type { TokenKey } from "../../domain/token-keys.ts";
import { mintToken, type Wanted } from "../../token-command.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { FakeKeys, NOW, pairs, SECRET, secretKey, tokenKey, tokensWith } from "../support/tokens.ts";

const settings = { TALLYWIRE_TOKENS: "on", TALLYWIRE_JWT_ISSUER: "https://issuer.example/", TALLYWIRE_JWT_AUDIENCE: "tallywire" };
const config = readConfig({ ...settings, TALLYWIRE_JWT_SECRET: SECRET });
const clock = fakeClock(NOW * 1000);
const wanted: Wanted = { tenant: "acme", scope: "events:read ops", expires: "1h" };
const mint = (own: Partial<Wanted> = {}, key: TokenKey | undefined = secretKey(), keys = new FakeKeys(secretKey())) =>
  mintToken({ config, key, keys, clock }, { ...wanted, ...own });
const fault = (own: Partial<Wanted>): Promise<string> =>
  mint(own).then(
    () => "minted",
    (error: Error) => `${error.name}: ${error.message}`,
  );

describe("a minted token", () => {
  it.each([
    ["1s", 1],
    ["90s", 90],
    ["30m", 1800],
    ["1h", 3600],
    ["30d", limits.mintedTokenSeconds],
  ])("lasts as long as it is to: %s", async (expires, seconds) => {
    expect(decodeJwt(await mint({ expires }))).toMatchObject({ iat: NOW, exp: NOW + seconds });
  });

  it("takes scopes with spaces or commas between", async () => {
    expect(decodeJwt(await mint({ scope: " events:read,ops  cameras:write " })).scope).toBe("events:read ops cameras:write");
  });

  it.each(["RS256", "ES256", "EdDSA"] as const)("is signed with a private key, and names it: %s", async (alg) => {
    const open = tokenKey(alg, pairs[alg], "dev");
    const key = { ...open, jwk: pairs[alg].privateKey.export({ format: "jwk" }) as TokenKey["jwk"] };
    const minted = await mint({}, key, new FakeKeys(open));
    expect(decodeProtectedHeader(minted)).toEqual({ alg, kid: "dev", typ: "JWT" });
    expect(await tokensWith(new FakeKeys(open)).verify(minted)).toMatchObject({ tenant: "acme", scopes: new Set(["events:read", "ops"]) });
  });

  it("of a key that the server does not verify with is not given out", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const others = new FakeKeys({ alg: "ES256", kid: undefined, jwk: publicKey.export({ format: "jwk" }) as TokenKey["jwk"] });
    await expect(mint({}, secretKey(), others)).rejects.toThrow(
      "The server would refuse this token: The token is not signed by a key known here.",
    );
  });

  it("needs something to sign with", async () => {
    const signing = (own: Record<string, string>) =>
      mintToken({ config: readConfig({ ...settings, ...own }), key: undefined, keys: new FakeKeys(), clock }, wanted);
    await expect(signing({ TALLYWIRE_JWT_KEY: "k" })).rejects.toThrow("TALLYWIRE_JWT_KEY: has no private key");
    await expect(signing({ TALLYWIRE_JWKS_URL: "https://i.example/" })).rejects.toThrow("tokens come from whoever publishes these keys");
  });

  it.each<readonly [Partial<Wanted>, RegExp]>([
    [{ expires: "31d" }, /a token lasts 1 to 2592000 seconds/],
    [{ expires: "0s" }, /a token lasts 1 to 2592000 seconds/],
    [{ expires: "999999999d" }, /a token lasts 1 to 2592000 seconds/],
    [{ expires: "soon" }, /is not written like 90s/],
    [{ expires: "1h30m" }, /is not written like 90s/],
    [{ expires: "-1h" }, /is not written like 90s/],
    [{ scope: "events:write ops" }, /there is no scope events:write\. There are cameras:read, /],
    [{ scope: "*" }, /there is no scope \*/],
    [{ cameraLimit: "-1" }, /--camera-limit: must be a whole number/],
    [{ cameraLimit: "1.5" }, /--camera-limit: must be a whole number/],
    [{ tenant: "" }, /would refuse this token: The token's tenant_id cannot be used/],
    [{ tenant: "x".repeat(257) }, /tenant_id cannot be used/],
    [{ tenant: "a\nb" }, /tenant_id cannot be used/],
    [{ subject: "" }, /sub cannot be used/],
    [{ features: "a,,b" }, /features cannot be used/],
    [{ features: "x".repeat(9000) }, /no longer than 8192 bytes/],
  ])("that says %j is refused", async (own, why) => {
    const said = await fault(own);
    expect(said).toMatch(/^ConfigError: /);
    expect(said).toMatch(why);
  });
});
