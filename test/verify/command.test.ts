import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "lmdb";
import { afterAll, describe, expect, it } from "vitest";
import type { Fact } from "../../domain/event.ts";
import { startServer } from "../../examples/server.ts";
import { client } from "../e2e/client.ts";
import { furnished, openLog, PARTITIONS } from "../support/proven.ts";
import { embedded, tempDir } from "../support/warehouse.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const home = tempDir();
const data = home.dir;

type Said = { readonly code: number; readonly out: string; readonly err: string };
const verifying = (...args: readonly string[]): Promise<Said> =>
  new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [MAIN, "verify", ...args], (error, out, err) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ code: child.exitCode ?? -1, out, err });
    });
  });
const here = (...args: readonly string[]): Promise<Said> => verifying("--data", data, "--partitions", String(PARTITIONS), ...args);
const lineOf = ({ out }: Said): string | undefined => out.trimEnd().split("\n").at(-1);

const altering = async (statement: string): Promise<void> => {
  const { warehouse } = await embedded(join(data, "warehouse"));
  await warehouse.define([statement]);
  await warehouse.close();
};

afterAll(home.remove);

describe("tallywire verify", { timeout: 120_000 }, () => {
  let facts: readonly Fact[] = [];

  it("ends with 0 and says that they agree, in words and as JSON, with every camera's days where these are asked for", async () => {
    const { warehouse } = await embedded(join(data, "warehouse"));
    const log = await furnished(warehouse, { dir: join(data, "log"), remove: () => undefined });
    facts = log.facts;
    await warehouse.close();
    await log.logs.close();
    const frames = facts.filter(({ kind }) => kind === "frame").length;
    const said = await here("--derive");
    expect(said).toMatchObject({ code: 0, err: "" });
    expect(lineOf(said)).toBe("Logs and warehouse agree.");
    expect(said.out).toContain(`frames: ${frames} events, ${frames} rows`);
    expect(said.out).toMatch(/^derived again: [1-9]\d* events$/m);
    const json = await here("--json", "--days", "--tenant", "south");
    expect(json.code).toBe(0);
    const { verdict, findings, days } = JSON.parse(json.out) as {
      verdict: string;
      findings: number;
      days: { tenant: string; agrees: boolean }[];
    };
    expect({ verdict, findings }).toEqual({ verdict: "agree", findings: 0 });
    expect(days.length).toBeGreaterThan(5);
    expect(days.every(({ tenant, agrees }) => tenant === "south" && agrees)).toBe(true);
  });

  it("ends with 2 where a record cannot be read, which it names, and compares the rest", async () => {
    const root = open<Buffer, string | number>({ path: join(data, "log"), maxDbs: 200, encoding: "binary" });
    const table = root.openDB<Buffer, string | number>({ name: "facts/0", encoding: "binary" });
    const bytes = Buffer.from(table.getBinary(1) as Buffer);
    bytes.writeUInt8(bytes.readUInt8(60) ^ 255, 60);
    await table.put(1, bytes);
    await root.close();
    const said = await here();
    expect(said.code).toBe(2);
    expect(said.out).toMatch(/^- log facts\/0: record facts\/0\/1 cannot be read/m);
    expect(lineOf(said)).toBe("Nothing differs, but not all could be compared: 1 finding.");
  });

  it("ends with 1 where a count was altered, and says of which alert and what it should be", async () => {
    await altering("ALTER TABLE alerts UPDATE count = count + 7 WHERE revision = 0 AND tenant = 'north' SETTINGS mutations_sync = 2");
    const said = await here();
    expect(said.code).toBe(1);
    expect(said.out).toMatch(
      /^- alerts: \d+ rows? altered, 2026-0\d-\d\d, camera gate-\d of tenant north .*count is \d+ and should be \d+/m,
    );
    expect(lineOf(said)).toMatch(/^Logs and warehouse do not agree: \d+ findings\.$/);
  });

  it("ends with 2 where somebody else has the data, and says how to ask that one", async () => {
    const logs = await openLog(join(data, "log"));
    const said = await here();
    await logs.close();
    expect(said.code).toBe(2);
    expect(said.err).toContain("is in use by");
    expect(said.err).toContain("tallywire verify --server");
  });

  it("refuses a folder that is not there and a day that is none", async () => {
    expect(await verifying("--data", join(data, "nothing"))).toMatchObject({ code: 78 });
    const said = await here("--from", "yesterday");
    expect(said.code).toBe(1);
    expect(said.err).toContain("it is written like 2026-01-31");
  });

  it("asks a running server, which finds what was altered before it was started", async () => {
    const own = tempDir();
    const running = await startServer({ data: own.dir });
    const call = client(running.url);
    const frame = (n: number) => ({
      sensorId: "door",
      timestamp: new Date(Date.UTC(2026, 0, 5, 8) + n * 100).toISOString(),
      objects: [{ id: "1", type: "Person", bbox: { leftX: 600, topY: 300, rightX: 660, bottomY: 480 } }],
    });
    await call(
      "POST",
      "/frames",
      Array.from({ length: 30 }, (_, n) => frame(n)),
    );
    const first = await verifying("--server", running.url, "--derive");
    expect(first.code).toBe(0);
    expect(first.err).toMatch(/^job [\w-]+\n$/);
    expect(lineOf(first)).toBe("Logs and warehouse agree.");
    await running.stop();
    const { warehouse } = await embedded(join(own.dir, "warehouse"));
    await warehouse.define(["ALTER TABLE frames UPDATE modelVersion = 'another' WHERE 1 SETTINGS mutations_sync = 2"]);
    await warehouse.close();
    const again = await startServer({ data: own.dir });
    const second = await verifying("--server", again.url, "--json");
    await again.stop();
    expect(second.code).toBe(1);
    const { told } = JSON.parse(second.out) as { told: object[] };
    expect(told).toMatchObject([{ what: "rows-altered", table: "frames", camera: "door", n: 30, columns: [{ column: "modelVersion" }] }]);
    const away = await verifying("--server", again.url);
    expect(away.code).toBe(2);
    expect(away.err).toContain("cannot be asked");
    own.remove();
  });
});
