import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { limits } from "../../domain/limits.ts";
import { AdapterError } from "../../domain/ports.ts";
import { isAlive } from "../support/process.ts";
import { embedded, noted, tempDir } from "../support/warehouse.ts";
import { warehouseSuite } from "./warehouse.suite.ts";

type Engine = Awaited<ReturnType<typeof embedded>>["warehouse"];
/** Where the engine listens when it cannot in its own folder. */
const socketFolders = (tmp: string): string[] => readdirSync(tmp).filter((name) => /^tallywire-.{6}$/.test(name));
const childrenOf = (pid: number): number[] =>
  readdirSync("/proc").flatMap((name) => {
    try {
      // After the name in brackets: the state, the parent.
      const parent = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1] : undefined;
      return Number(parent) === pid ? [Number(name)] : [];
    } catch {
      return []; // It ended meanwhile.
    }
  });
const until = async (what: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !what(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  expect(what()).toBe(true);
};

describe("the embedded warehouse", () => {
  const { dir, remove } = tempDir();
  const note = noted();
  let warehouse: Engine;
  beforeAll(async () => {
    warehouse = (await embedded(dir, note)).warehouse;
  });
  afterAll(async () => {
    await warehouse.close();
    remove();
  });
  warehouseSuite(() => warehouse);

  it("is started again when its process is killed; questions and inserts wait for it, and nothing is lost", async () => {
    await warehouse.define([
      "CREATE TABLE survivors (n Int64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 100",
    ]);
    const before = note.counted.get("tallywire_warehouse_restarts_total") ?? 0;
    for (let n = 0; n < 5; n++) {
      const inserted = warehouse.insert("survivors", [{ n }], `n ${n}`);
      if (n % 2 === 1) process.kill(warehouse.pid() as number, "SIGKILL");
      await inserted;
    }
    expect(await warehouse.select("SELECT n FROM survivors ORDER BY n", {})).toEqual([0, 1, 2, 3, 4].map((n) => ({ n })));
    expect((note.counted.get("tallywire_warehouse_restarts_total") ?? 0) - before).toBe(2);
    expect(note.lines.filter((line) => line.includes("SIGKILL"))).toHaveLength(2);
  });

  it("lets nobody else open its folder", async () => {
    const error = await embedded(dir).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(AdapterError);
    expect((error as AdapterError).code).toBe("in-use");
  });

  it("stops a question that takes more memory than it has, and goes on", async () => {
    const greedy = warehouse.select("SELECT length(groupArray(number)) FROM numbers({n:UInt64})", { n: 2_000_000_000 });
    await expect(greedy).rejects.toMatchObject({ code: "too-large", retryable: false });
    expect(await warehouse.select("SELECT 1 AS one", {})).toEqual([{ one: 1 }]);
  });
});

describe("the embedded warehouse under a question that takes too long", () => {
  const { dir, remove } = tempDir();
  const note = noted();
  /** Never done by itself. */
  const ENDLESS = "SELECT count() AS n FROM numbers(1000000000000) WHERE sipHash64(number) = {n:UInt64}";
  let warehouse: Engine;
  beforeAll(async () => {
    warehouse = (await embedded(dir, note, { querySeconds: 2, pingMs: 300 })).warehouse;
    await warehouse.define(["CREATE TABLE beside (n Int64) ENGINE = MergeTree ORDER BY n"]);
  });
  afterAll(async () => {
    await warehouse.close();
    remove();
  });

  it("ends it at its limit, and takes inserts meanwhile", async () => {
    let ended = false;
    const endless = warehouse.select(ENDLESS, { n: 1 }).finally(() => {
      ended = true;
    });
    const refused = expect(endless).rejects.toMatchObject({ code: "timeout", retryable: true });
    for (let n = 0; n < 3; n++) await warehouse.insert("beside", [{ n }], `beside ${n}`);
    expect(ended).toBe(false);
    await refused;
    expect(await warehouse.select("SELECT count() AS n FROM beside", {})).toEqual([{ n: 3 }]);
  });

  it("lets a question wait no longer than it may compute, and then says that it is busy", async () => {
    const [first, second, third] = [1, 2, 3].map((n) => warehouse.select(ENDLESS, { n }));
    await Promise.all([
      expect(first).rejects.toMatchObject({ code: "timeout" }),
      expect(second).rejects.toSatisfy(
        (e: AdapterError) => e.retryable && (e.code === "timeout" || /no turn within 2000 ms/.test(e.message)),
      ),
      expect(third).rejects.toMatchObject({ code: "unavailable", retryable: true, message: expect.stringContaining("no turn within") }),
    ]);
  });

  it("lets only so many questions wait, and answers all of these", async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: limits.waitingQuestions + 6 }, (_, n) => warehouse.select("SELECT {n:Int64} AS n", { n })),
    );
    expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(limits.waitingQuestions + 1);
    for (const refusal of asked.slice(limits.waitingQuestions + 1))
      expect(refusal).toMatchObject({ reason: { code: "unavailable", retryable: true } });
  });

  it("answers one tenant's question while another asks more than may wait, and before the rest of these", async () => {
    const order: string[] = [];
    const ask = (tenant: string, n: number) =>
      warehouse.select("SELECT {n:Int64} AS n, {tenant:String} AS tenant", { n, tenant }).then(
        () => void order.push(tenant),
        (error: AdapterError) => {
          expect(error).toMatchObject({ code: "unavailable", retryable: true });
          order.push(`${tenant} refused`);
        },
      );
    const heavy = Array.from({ length: limits.waitingQuestions + 6 }, (_, n) => ask("heavy", n));
    const light = Array.from({ length: 3 }, (_, n) => ask("light", n));
    const books = warehouse.select("SELECT {n:Int64} AS n", { n: 1 }).then(() => void order.push("books"));
    await Promise.all([...heavy, ...light, books]);
    const answered = order.filter((who) => !who.endsWith("refused"));
    expect(answered.slice(0, 8)).toEqual(["heavy", "books", "heavy", "light", "heavy", "light", "heavy", "light"]);
    expect(answered).toHaveLength(1 + limits.waitingQuestions);
    // Five had no place, and four gave theirs up.
    expect(order.filter((who) => who === "heavy refused")).toHaveLength(5 + 4);
  });

  it("is killed and started again when it hangs without dying; what waited is answered", async () => {
    const hung = warehouse.pid() as number;
    process.kill(hung, "SIGSTOP");
    const [inserted, answer] = await Promise.all([
      warehouse.insert("beside", [{ n: 3 }], "beside 3").then(() => true),
      warehouse.select("SELECT {n:Int64} AS n", { n: 7 }),
    ]);
    expect([inserted, answer]).toEqual([true, [{ n: 7 }]]);
    expect(warehouse.pid()).not.toBe(hung);
    expect(isAlive(hung)).toBe(false);
    expect(note.lines.some((line) => line.includes("is of no use and is killed"))).toBe(true);
    expect(note.counted.get("tallywire_warehouse_restarts_total")).toBe(1);
    expect(await warehouse.select("SELECT count() AS n FROM beside", {})).toEqual([{ n: 4 }]);
  });

  it("is started again when its socket is deleted under it", async () => {
    const before = warehouse.pid() as number;
    const socket = readFileSync(`/proc/${before}/cmdline`, "utf8")
      .split("\0")
      .find((argument) => argument.endsWith(".sock")) as string;
    rmSync(socket);
    expect(await warehouse.select("SELECT {n:Int64} AS n", { n: 8 })).toEqual([{ n: 8 }]);
    expect(warehouse.pid()).not.toBe(before);
    expect(await warehouse.select("SELECT count() AS n FROM beside", {})).toEqual([{ n: 4 }]);
  });
});

describe("the embedded warehouse's process", () => {
  it("ends with an owner killed at any instant of its start, and leaves no socket behind", async () => {
    const { dir, remove } = tempDir();
    const tmp = tempDir();
    const script = fileURLToPath(new URL("../support/warehouse-owner.ts", import.meta.url));
    for (const ms of [250, 500, 700, 900, 1200]) {
      const owner = spawn(process.execPath, [script, dir], {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, TMPDIR: tmp.dir },
      });
      await new Promise((resolve) => setTimeout(resolve, ms));
      const engines = childrenOf(owner.pid as number);
      owner.kill("SIGKILL");
      await once(owner, "exit");
      await until(() => engines.every((pid) => !isAlive(pid)));
    }
    const { warehouse } = await embedded(dir);
    expect(readdirSync(join(dir, "run"))).toHaveLength(1);
    await warehouse.close();
    expect(readdirSync(join(dir, "run"))).toEqual([]);
    expect(socketFolders(tmp.dir)).toEqual([]);
    tmp.remove();
    remove();
  });

  it("listens elsewhere when the path of its folder is too long for a socket", async () => {
    const { dir, remove } = tempDir();
    vi.stubEnv("TMPDIR", dir);
    const opening = embedded(join(dir, "x".repeat(120)));
    vi.unstubAllEnvs();
    const { warehouse } = await opening;
    expect(await warehouse.select("SELECT 1 AS one", {})).toEqual([{ one: 1 }]);
    expect(socketFolders(dir)).toHaveLength(1);
    await warehouse.close();
    expect(socketFolders(dir)).toEqual([]);
    remove();
  });

  it("ends with its owner, however that ends, and leaves what was answered", async () => {
    const { dir, remove } = tempDir();
    const owner = spawn(process.execPath, [fileURLToPath(new URL("../support/warehouse-owner.ts", import.meta.url)), dir], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [said] = (await once(owner.stdout, "data")) as [Buffer];
    const engine = Number(said.toString());
    expect(isAlive(engine)).toBe(true);
    owner.kill("SIGKILL");
    await until(() => !isAlive(engine));
    const { warehouse } = await embedded(dir);
    expect(await warehouse.select("SELECT n FROM kept", {})).toEqual([{ n: 1 }]);
    await warehouse.close();
    remove();
  });

  it("is closed for good: a question afterwards is refused and starts nothing", async () => {
    const { dir, remove } = tempDir();
    const { warehouse } = await embedded(dir);
    const pid = warehouse.pid() as number;
    await warehouse.close();
    await warehouse.close();
    expect(isAlive(pid)).toBe(false);
    await expect(warehouse.select("SELECT 1", {})).rejects.toMatchObject({ code: "closed" });
    remove();
  });
});
