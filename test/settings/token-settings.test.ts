import { describe, expect, it } from "vitest";
import { ConfigError, flags, keySourceOf, readConfig, showConfig } from "../../config.ts";
import { SECRET } from "../support/tokens.ts";

const named = (own: Record<string, string>) => Object.fromEntries(Object.entries(own).map(([name, value]) => [`TALLYWIRE_${name}`, value]));
const on = (own: Record<string, string>) => readConfig(named({ TOKENS: "on", JWT_ISSUER: "i", JWT_AUDIENCE: "a", ...own }));
/** The lines of what is wrong. */
const faults = (read: () => unknown): readonly string[] => {
  try {
    read();
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message.split("\n");
  }
};

describe("tokens on", () => {
  it("have their keys from one place", () => {
    expect(keySourceOf(on({ JWT_SECRET: SECRET }))).toEqual({ secret: SECRET });
    expect(keySourceOf(on({ JWT_KEY: "./keys.json" }))).toEqual({ file: "./keys.json" });
    expect(keySourceOf(on({ JWKS_URL: "https://i.example/keys" }))).toEqual({ url: "https://i.example/keys" });
    expect(keySourceOf(readConfig({}))).toBeUndefined();
  });

  it("need keys, an issuer and an audience, each said in a line of its own", () => {
    expect(faults(() => readConfig(named({ TOKENS: "on" })))).toEqual([
      "TALLYWIRE_TOKENS: on needs keys. Set one of TALLYWIRE_JWT_SECRET or TALLYWIRE_JWKS_URL or TALLYWIRE_JWT_KEY",
      "TALLYWIRE_JWT_ISSUER: is needed while tokens are on",
      "TALLYWIRE_JWT_AUDIENCE: is needed while tokens are on",
    ]);
  });

  it("do not take keys from two places", () => {
    const all = { JWT_SECRET: SECRET, JWKS_URL: "https://i.example/keys", JWT_KEY: "k" };
    expect(faults(() => on({ ...all, JWT_KEY: "" }))).toEqual([
      "TALLYWIRE_JWT_SECRET and TALLYWIRE_JWKS_URL: only one of these can be given",
    ]);
    expect(faults(() => on({ ...all, JWT_SECRET: "" }))).toEqual([
      "TALLYWIRE_JWKS_URL and TALLYWIRE_JWT_KEY: only one of these can be given",
    ]);
    expect(faults(() => on(all))).toHaveLength(1);
  });

  it.each(["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.256"])("may be listened for at %s", (HOST) => {
    expect(on({ JWT_SECRET: SECRET, HOST }).HOST).toBe(HOST);
    expect(faults(() => readConfig(named({ HOST })))[0]).toMatch(/is not loopback and tokens are off/);
  });

  it.each(["127.0.0.1", "127.9.8.7", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "localhost"])("need not be on at %s", (HOST) => {
    expect(readConfig(named({ HOST })).HOST).toBe(HOST);
  });

  it("are on or off", () => {
    expect(faults(() => readConfig(named({ TOKENS: "yes" })))[0]).toMatch(/^TALLYWIRE_TOKENS: /);
  });
});

describe("tokens off", () => {
  it.each(["JWT_SECRET", "JWKS_URL", "JWT_KEY", "JWT_ISSUER", "JWT_AUDIENCE"])(
    "with %s is a mistake that would leave everything open",
    (name) => {
      const value = { JWT_SECRET: SECRET, JWKS_URL: "https://i.example/" }[name] ?? "x";
      expect(faults(() => readConfig(named({ [name]: value })))).toEqual([
        `TALLYWIRE_${name}: is given, but tokens are off. Set TALLYWIRE_TOKENS=on`,
      ]);
    },
  );
});

describe("the secret", () => {
  it("has 32 bytes or more, however many letters these are", () => {
    expect(on({ JWT_SECRET: "x".repeat(32) }).JWT_SECRET).toHaveLength(32);
    expect(on({ JWT_SECRET: "🦊".repeat(8) }).JWT_SECRET).toHaveLength(16);
    for (const JWT_SECRET of ["x".repeat(31), "ä".repeat(15), "x"])
      expect(faults(() => on({ JWT_SECRET }))).toEqual(["TALLYWIRE_JWT_SECRET: must have 32 bytes or more"]);
  });

  it("is text whose bytes can be said", () => {
    expect(faults(() => on({ JWT_SECRET: `${"x".repeat(40)}\ud800` }))).toEqual(["TALLYWIRE_JWT_SECRET: must be Unicode text"]);
  });

  it("is masked, is no flag, and is in no error", () => {
    expect(showConfig(on({ JWT_SECRET: SECRET })).TALLYWIRE_JWT_SECRET).toBe("***");
    expect(flags.map(({ name }) => name)).not.toContain("JWT_SECRET");
    expect(faults(() => on({ JWT_SECRET: "canary", HOST: "" })).join()).not.toContain("canary");
  });
});

describe("the address of keys", () => {
  it.each([
    "https://issuer.example/.well-known/jwks.json",
    "https://issuer.example:8443/k?tenant=1",
    "http://127.0.0.1:9000/",
    "http://[::1]:1/",
    "http://localhost/k",
  ])("may be %s", (JWKS_URL) => expect(on({ JWKS_URL }).JWKS_URL).toBe(JWKS_URL));
  it.each([
    ["http://issuer.example/keys", "must begin with https: (http: on loopback only)"],
    ["http://127.0.0.1.issuer.example/keys", "must begin with https: (http: on loopback only)"],
    ["http://localhost.issuer.example/", "must begin with https: (http: on loopback only)"],
    ["file:///etc/keys.json", "must begin with https: (http: on loopback only)"],
    ["data:application/json,{}", "must begin with https: (http: on loopback only)"],
    ["https://user:pass@issuer.example/", "may hold no user and no password"],
    ["https://user@issuer.example/", "may hold no user and no password"],
    ["https://issuer.example/#keys", "may have no fragment"],
    ["issuer.example/keys", "must be a URL"],
    ["https://", "must be a URL"],
  ])("may not be %s", (JWKS_URL, why) => {
    expect(faults(() => on({ JWKS_URL }))).toEqual([`TALLYWIRE_JWKS_URL: ${why}`]);
  });
});
