import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { compose } from "../../compose.ts";
import { readConfig } from "../../config.ts";
import { betweenLog, betweenLogs } from "../../domain/between.ts";
import { AdapterError, type Clock, type Logs, type Warehouse } from "../../domain/ports.ts";
import { isNotReceived } from "../../ingest/received.ts";
import { watchWrites } from "../../roles/writes.ts";
import { frame, json, silent } from "../support/frames.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const dirs: string[] = [];
const folder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "tallywire-trouble-"));
  dirs.push(dir);
  return dir;
};
afterAll(() => Promise.all(dirs.map((dir) => rm(dir, { recursive: true, force: true }))));

const { PORT: _, ...inherited } = process.env;
const memory = { TALLYWIRE_LOG: "memory:", TALLYWIRE_STORE: "memory:" };

/** A log whose disk is full while `disk.full` says so. */
const onDisk = (logs: Logs, disk: { full: boolean }): Logs => {
  const { facts } = logs;
  const append: Logs["facts"]["append"] = (events) =>
    disk.full ? Promise.reject(new AdapterError("full", "The disk is full.", { retryable: true })) : facts.append(events);
  return betweenLogs(logs, { facts: betweenLog(facts, { append }) });
};

/** A warehouse without rows, a part of which may rot. */
const emptyWarehouse = (part: { readonly rotten: boolean }): Warehouse => ({
  define: () => Promise.resolve(),
  insert: () => Promise.resolve(),
  select: () => (part.rotten ? Promise.reject(new AdapterError("corrupt", "Checksum", { retryable: false })) : Promise.resolve([])),
  damaged: () => Promise.resolve([]),
  close: () => Promise.resolve(),
});

describe("an operator in trouble", () => {
  it("is told by /readyz that the log refuses facts, and that it takes them again", async () => {
    const disk = { full: false };
    const house = await compose(readConfig({ ...memory, TALLYWIRE_PARTITIONS: "1" }, {}), {
      journal: silent,
      openers: {
        openLogs: (_, options) => Promise.resolve(onDisk(openMemoryLogs(options), disk)),
        openStore: () => Promise.resolve(openMemoryStore()),
        openWarehouse: () => Promise.reject(new AdapterError("closed", "There is none here.", { retryable: false })),
      },
    });
    house.defect.catch(() => undefined);
    const log = async () => (await house.core.ready()).find(({ part }) => part === "log");
    const send = async (id: string) => isNotReceived(await house.core.receive("t", json(frame({ id }))));
    expect([await send("1"), await log()]).toMatchObject([false, { part: "log", ready: true, detail: "takes facts" }]);
    disk.full = true;
    expect([await send("2"), await log()]).toMatchObject([true, { part: "log", ready: false, detail: "refused the last write: full" }]);
    disk.full = false;
    expect([await send("2"), (await log())?.ready]).toEqual([false, true]);
    await house.close();
  });

  it("is told by /readyz that the warehouse is damaged, once somebody asked for what is", async () => {
    const part = { rotten: false };
    const house = await compose(readConfig({ ...memory, TALLYWIRE_PARTITIONS: "1" }, {}), {
      journal: silent,
      openers: {
        openLogs: (_, options) => Promise.resolve(openMemoryLogs(options)),
        openStore: () => Promise.resolve(openMemoryStore()),
        openWarehouse: () => Promise.resolve(emptyWarehouse(part)),
      },
    });
    const warehouse = async () => (await house.core.ready()).find((each) => each.part === "warehouse");
    const ask = () => house.core.ask.alert("t", "271adcd2-24dd-5962-871c-109348767084");
    await ask();
    expect(await warehouse()).toMatchObject({ part: "warehouse", ready: true, detail: "" });
    part.rotten = true;
    await expect(ask()).rejects.toMatchObject({ code: "corrupt" });
    expect(await warehouse()).toMatchObject({
      part: "warehouse",
      ready: true,
      detail: expect.stringContaining("delete the warehouse's folder"),
    });
    await house.close();
  });

  it("is not kept waiting by a refusal of long ago: a server that nobody sends to would stay unready for ever", async () => {
    let now = 1_000_000;
    const clock: Clock = { now: () => now, sleep: () => Promise.resolve() };
    const disk = { full: true };
    const { logs, taking } = watchWrites(onDisk(openMemoryLogs({ partitions: 1 }), disk), clock);
    await expect(logs.facts.append([])).rejects.toThrow("full");
    expect(taking.refused()).toBe("full");
    now += 10_000;
    expect(taking.refused()).toBeUndefined();
    await logs.close();
  });

  it("can name every record that may be set aside: a log's, a memory, a base", () => {
    const named = "facts/1/105,derived/0/3,memory/0/nT_u2cq1-xQ,bases/nT_u2cq1-xQ/0001795260853769";
    expect(readConfig({ TALLYWIRE_SKIP_CORRUPT: named }, {}).SKIP_CORRUPT).toBe(named);
    expect(() => readConfig({ TALLYWIRE_SKIP_CORRUPT: "facts/1" }, {})).toThrow("must be names of records");
  });

  it("reads one sentence when the port is taken, and nothing stays behind", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as AddressInfo;
    const data = await folder();
    const env = { ...inherited, TALLYWIRE_PORT: String(port), TALLYWIRE_DATA: data };
    const ended = await run(process.execPath, [MAIN, "serve"], { env }).catch((error: { code: number; stderr: string }) => error);
    other.close();
    expect(ended).toMatchObject({ code: 1 });
    const words = ended.stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
    expect(words).toEqual([
      `The server cannot listen on 127.0.0.1, port ${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}`,
    ]);
    const { stdout } = await run("ps", ["-eo", "args="]);
    expect(stdout).not.toContain(data);
  });
});
