/** Tokens in processes of their own: minted by the command, asked for by the server. */
import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { SECRET } from "../support/tokens.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
type Ended = { readonly code: number; readonly out: string; readonly said: string };
const tallywire = (args: readonly string[], env: Record<string, string>): Promise<Ended> =>
  new Promise((resolve) =>
    execFile(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH ?? "", ...env }, timeout: 30_000 }, (error, out, said) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, out, said }),
    ),
  );
const on = { TALLYWIRE_TOKENS: "on", TALLYWIRE_JWT_ISSUER: "https://i.example/", TALLYWIRE_JWT_AUDIENCE: "tallywire" };
const withSecret = { ...on, TALLYWIRE_JWT_SECRET: SECRET };
const mint = (env: Record<string, string>, ...args: readonly string[]) => tallywire(["token", ...args], env);
const wanted = ["--tenant", "acme", "--scope", "events:read frames:write"];

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tallywire-tokens-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("tallywire token", () => {
  it("prints a token, and nothing else, that says what was asked for", async () => {
    const { code, out, said } = await mint(withSecret, ...wanted, "--subject", "anna", "--camera-limit", "5", "--features", "person, car");
    expect([code, said]).toEqual([0, ""]);
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const { iat, exp, ...others } = decodeJwt(out.trim());
    expect(others).toEqual({
      iss: "https://i.example/",
      aud: "tallywire",
      tenant_id: "acme",
      scope: "events:read frames:write",
      sub: "anna",
      camera_limit: 5,
      features: ["person", "car"],
    });
    expect((exp as number) - (iat as number)).toBe(3600);
    expect(Math.abs((iat as number) - Date.now() / 1000)).toBeLessThan(60);
  });

  it("is signed with the private key of a file, and names it", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const file = join(folder, "private.json");
    await writeFile(file, JSON.stringify({ keys: [{ ...privateKey.export({ format: "jwk" }), kid: "dev" }] }));
    const { out } = await mint({ ...on, TALLYWIRE_JWT_KEY: file }, ...wanted);
    expect(decodeProtectedHeader(out.trim())).toEqual({ alg: "EdDSA", kid: "dev", typ: "JWT" });
  });

  it("says what is wrong, prints no token, and shows no secret", async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const file = join(folder, "public.pem");
    await writeFile(file, publicKey.export({ format: "pem", type: "spki" }));
    const wrong: readonly (readonly [Record<string, string>, readonly string[], RegExp, number])[] = [
      [{}, wanted, /TALLYWIRE_TOKENS: is off/, 78],
      [{ ...on, TALLYWIRE_JWT_KEY: file }, wanted, /has no private key/, 78],
      [{ ...on, TALLYWIRE_JWT_KEY: join(folder, "nowhere") }, wanted, /nowhere: it cannot be read \(ENOENT\)/, 1],
      [withSecret, ["--tenant", "", "--scope", "ops"], /tenant_id cannot be used/, 78],
      [withSecret, ["--scope", "ops"], /--tenant/, 1],
      [withSecret, [...wanted, "--jwt-secret", SECRET], /unknown option '--jwt-secret'/, 1],
    ];
    for (const [env, args, why, code] of wrong) {
      const ended = await mint(env, ...args);
      expect(ended, args.join(" ")).toMatchObject({ code, out: "" });
      expect(ended.said).toMatch(why);
      if (!args.includes(SECRET)) expect(ended.said).not.toContain(SECRET);
    }
  }, 60_000);
});

describe("a server with tokens on", () => {
  let server: RunningServer;
  const lines: string[] = [];
  beforeAll(async () => {
    server = await startServer({
      data: join(folder, "data"),
      env: { ...withSecret, TALLYWIRE_LOG_LEVEL: "debug" },
      onLine: (line) => lines.push(line),
    });
  });
  afterAll(() => server.stop());
  const frames = (sensorId: string, count: number) =>
    JSON.stringify(
      Array.from({ length: count }, (_, i) => ({ sensorId, id: String(i), timestamp: new Date().toISOString(), objects: [] })),
    );
  const call = (path: string, token?: string, body?: string): Promise<Response> =>
    fetch(`${server.url}/api/v2${path}`, {
      headers: { "content-type": "application/json", ...(token !== undefined && { authorization: `Bearer ${token}` }) },
      ...(body !== undefined && { method: "POST", body }),
    });

  it("asks for one, heeds its scopes and its tenant, and writes neither it nor the secret", async () => {
    const mine = (await mint(withSecret, ...wanted)).out.trim();
    const theirs = (await mint(withSecret, "--tenant", "other", "--scope", "events:read")).out.trim();
    expect((await call("/frames?sensorId=a")).status).toBe(401);
    expect((await call("/frames", theirs, frames("a", 3))).status).toBe(403);
    const taken = await call("/frames", mine, frames("a", 3));
    expect(taken.status).toBe(202);
    const { position } = (await taken.json()) as { position: string };
    const range = "fromTimestamp=2020-01-01T00:00:00Z&toTimestamp=2100-01-01T00:00:00Z";
    const seen = async (token: string, after = "") => {
      const answer = await call(`/frames?sensorId=a&${range}${after}`, token);
      return ((await answer.json()) as { frames: readonly unknown[] }).frames.length;
    };
    expect(await seen(mine, `&after=${encodeURIComponent(position)}`)).toBe(3);
    expect(await seen(theirs)).toBe(0);
    expect((await call("/alerts?sensorId=a", `${mine.slice(0, -4)}AAAA`)).status).toBe(401);
    const told = lines.join("\n");
    expect(lines.length).toBeGreaterThan(0);
    for (const secret of [SECRET, Buffer.from(SECRET).toString("base64url"), mine, mine.split(".")[2] as string])
      expect(told).not.toContain(secret);
  });

  it("stops cleanly, though it looks for keys again and again", async () => {
    const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const file = join(folder, "stop.pem");
    await writeFile(file, publicKey.export({ format: "pem", type: "spki" }));
    const other = await startServer({ data: join(folder, "stop"), env: { ...on, TALLYWIRE_JWT_KEY: file, TALLYWIRE_HOST: "127.0.0.1" } });
    expect(await other.stop()).toBe(0);
  });

  it("does not start with a file of keys that is none", async () => {
    const file = join(folder, "weak.pem");
    await writeFile(file, generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "pem", type: "spki" }));
    const starting = startServer({ data: join(folder, "weak"), env: { ...on, TALLYWIRE_JWT_KEY: file } });
    await expect(starting).rejects.toThrow(/weak\.pem: an RSA key has 2048 bits or more, this one has 1024/);
  });
});
