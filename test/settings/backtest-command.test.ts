// biome-ignore-all lint/suspicious/noThenProperty: rows of a backtest call what was raised so
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type BacktestOptions, type BacktestParts, backtestCommand } from "../../backtest-command.ts";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import type { Json } from "../../domain/envelope.ts";
import type { BacktestWish, Job } from "../../domain/job.ts";
import { AdapterError } from "../../domain/ports.ts";
import { tableText } from "../../job-command.ts";
import { FakeCore } from "../support/core.ts";
import { anAlert, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let served: Served;
let dir: string;
beforeEach(async () => {
  core = new FakeCore();
  served = await serveCore(core);
  dir = await mkdtemp(join(tmpdir(), "tallywire-backtest-"));
});
afterEach(async () => {
  await served.close();
  await rm(dir, { recursive: true, force: true });
});

const range = { from: "2021-09-16T06:00:00.000Z", to: "2021-09-16T07:00:00.000Z" };
const wire = {
  id: "gate",
  wire: [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
  ],
  direction: { p1: { x: 5, y: -5 }, p2: { x: 5, y: 5 } },
};
const candidate = { tripwires: [wire], rules: { tripwire: [{ id: "gate", ruleId: "r1", ruleType: "increment", countThreshold: 2 }] } };

const file = async (name: string, content: unknown): Promise<string> => {
  const path = join(dir, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
};

/** What happens at each look at the job: the last one goes on for ever. */
const run = async (own: Partial<BacktestOptions>, looks: readonly Partial<Job>[] = [{ state: "done" }], stop?: AbortController) => {
  const said: string[] = [];
  const complained: string[] = [];
  let look = 0;
  const parts: BacktestParts = {
    here: () => Promise.reject(new Error("a server was named")),
    clock: {
      now: () => 0,
      sleep: async () => {
        const [job] = core.jobs.known.get("default") ?? [];
        const change = looks[Math.min(look++, looks.length - 1)];
        if (job?.endedAt === undefined && job !== undefined && change !== undefined) core.jobs.change("default", job.id, change);
        if (look === looks.length) stop?.abort();
      },
    },
    stop: stop?.signal ?? new AbortController().signal,
    print: (line) => void said.push(line),
    complain: (line) => void complained.push(line),
  };
  const code = await backtestCommand(parts, { server: served.url, ...range, ...own });
  return { code, said, complained };
};
const wish = () => core.jobs.called.find(({ name }) => name === "start")?.given[1] as BacktestWish;

const counts: readonly BacktestRow[] = [
  {
    row: "rule",
    camera: "a",
    analytic: "tripwire",
    placeId: "gate",
    ruleId: "r1",
    ruleType: "increment",
    onlyThen: 2,
    onlyNow: 10,
    both: 3,
    changed: 1,
  },
  { row: "tripwire", camera: "a", tripwireId: "gate", direction: "entry", then: 7, now: 12 },
  { row: "labels", camera: "a", tripwireId: "gate", direction: "entry", labels: 4, crossings: 12, found: 3, precision: 0.25, recall: 0.75 },
];
const alerts = (n: number): readonly BacktestRow[] =>
  Array.from({ length: n }, (_, i) => ({ row: "alert", side: "now", changed: false, now: anAlert({ ruleName: `rule ${i}` }) }));
const done = (rows: readonly BacktestRow[]): Partial<Job> => {
  core.jobs.laidRows = JSON.parse(JSON.stringify([...rows, ...counts])) as readonly Json[];
  return { state: "done", endedAt: 1, result: { countsFrom: rows.length } };
};

describe("tallywire backtest", () => {
  it("sends one candidate for each sensor that is named, waits until it is done, and prints what it comes to", async () => {
    const rules = await file("rules.json", candidate);
    const looks = [{ state: "running", progress: { done: 1, of: 4 } } as const, done(alerts(1))];
    const { code, said, complained } = await run({ rules, sensor: ["a", "b"], late: true, tolerance: 1.5 }, looks);
    expect(complained).toEqual([expect.stringMatching(/^job [0-9a-f-]{36}$/)]);
    expect(code).toBe(0);
    expect(wish()).toMatchObject({
      cameras: [
        { camera: "a", candidate: { tripwires: [{ id: "gate" }], rules: [{ ruleId: "r1" }] } },
        { camera: "b", like: "a" },
      ],
      from: Date.parse(range.from),
      to: Date.parse(range.to),
      late: true,
      tolerance: 1500,
    });
    expect(said).toEqual([
      "rule  sensor  place          only then  only now  both  changed",
      "r1    a       tripwire gate          2        10     3        1",
      "",
      "tripwire  sensor  direction  then  now",
      "gate      a       entry         7   12",
      "",
      "labels  sensor  direction  seen  crossings  found  precision  recall",
      "gate    a       entry         4         12      3  25.0%      75.0%",
    ]);
  });

  it("sends a file that names its sensors as it is, or those of them that are asked for", async () => {
    const rules = await file("rules.json", { sensors: [{ ...candidate, sensorId: "a" }, { sensor_id: "b" }] });
    await run({ rules }, [done([])]);
    expect(wish().cameras.map(({ camera }) => camera)).toEqual(["a", "b"]);
    core.jobs.called.length = 0;
    core.jobs.known.clear();
    await run({ rules, sensor: ["b"] }, [done([])]);
    expect(wish().cameras.map(({ camera }) => camera)).toEqual(["b"]);
  });

  it("without a file asks for what was in force", async () => {
    expect((await run({ sensor: ["a"] }, [done([])])).code).toBe(0);
    expect(wish().cameras).toEqual([{ camera: "a", candidate: undefined }]);
  });

  it.each([
    ["json", JSON.stringify([{ tripwireId: "gate", timestamp: range.from, direction: "entry" }])],
    ["csv", `tripwireId,timestamp,direction,sensorId\r\ngate,${range.from},entry,\r\n`],
  ])("reads labels as %s", async (kind, text) => {
    const rules = await file("rules.json", candidate);
    await run({ rules, sensor: ["a"], labels: await file(`labels.${kind}`, text) }, [done([])]);
    expect(wish().labels).toEqual([{ camera: "a", tripwireId: "gate", at: Date.parse(range.from), direction: "entry" }]);
  });

  it("writes the alerts of all pages as one table to a file that was not there", async () => {
    const csv = join(dir, "alerts.csv");
    expect((await run({ sensor: ["a"], csv }, [done(alerts(2500))])).code).toBe(0);
    const lines = (await readFile(csv, "utf8")).trimEnd().split("\r\n");
    expect(lines).toHaveLength(2501);
    expect(lines.filter((line) => line.startsWith("side,"))).toHaveLength(1);
    core.jobs.called.length = 0;
    const again = await run({ sensor: ["a"], csv });
    expect(again).toMatchObject({ code: 1, complained: [expect.stringContaining("alerts.csv cannot be written")] });
    expect(core.jobs.called).toEqual([]);
  });

  it("ends with 1 where the job failed, and says why", async () => {
    const { code, complained } = await run({ sensor: ["a"] }, [{ state: "failed", endedAt: 1, reason: "nothing is kept of that day" }]);
    expect(code).toBe(1);
    expect(complained.at(-1)).toMatch(/^job \S+ is failed: nothing is kept of that day$/);
  });

  it("cancels the job when it is stopped, and ends with 1", async () => {
    const looks = [{ state: "running" } as const, { progress: { done: 1, of: 2 } }];
    const { code, complained } = await run({ sensor: ["a"] }, looks, new AbortController());
    expect(code).toBe(1);
    expect(complained.at(-1)).toMatch(/ is cancelled$/);
    expect(core.jobs.called.some(({ name }) => name === "cancel")).toBe(true);
  });

  it("goes on while the server is away for a moment", async () => {
    const looks = [{ state: "running" } as const, done([])];
    const real = core.jobs.get;
    let away = 3;
    core.jobs.get = (...asked) => {
      if (away-- > 0) return Promise.reject(new AdapterError("unavailable", "the store is away", { retryable: true }));
      return real(...asked);
    };
    expect((await run({ sensor: ["a"] }, looks)).code).toBe(0);
    expect(away).toBeLessThan(0);
  });

  it("says what the server refuses, with its path", async () => {
    const rules = await file("rules.json", { ...candidate, tripwires: [] });
    const { code, complained } = await run({ rules, sensor: ["a"] });
    expect(code).toBe(1);
    expect(complained).toEqual([`${served.url} answered 422: sensors[0].rules.tripwire[0].id: there is no tripwire gate`]);
  });

  it("says what is wrong with what it was given, before anything is sent", async () => {
    const whole = await file("rules.json", candidate);
    for (const [own, message] of [
      [{}, "--sensor is needed where no file names the sensors"],
      [{ rules: whole }, `--sensor is needed: ${whole} does not say of which sensors it is`],
      [{ rules: join(dir, "none.json") }, "cannot be read"],
      [{ rules: await file("text.json", "no json"), sensor: ["a"] }, "is no JSON object"],
      [{ rules: await file("list.json", { sensors: "a" }) }, "sensors is no list of sensors"],
      [{ rules: await file("other.json", { sensors: [{ sensorId: "a" }] }), sensor: ["b"] }, "has no sensor b"],
      [{ sensor: ["a"], labels: await file("bad.json", [{ tripwireId: "gate" }]) }, "label 1: timestamp "],
      [{ sensor: ["a"], labels: await file("bad.csv", 'a,"b\n') }, "is neither JSON nor CSV"],
    ] as const) {
      const { code, complained } = await run(own);
      expect([code, complained]).toEqual([1, [expect.stringContaining(message)]]);
    }
    expect(core.jobs.called).toEqual([]);
  });

  it("says that nobody answers where no server is", async () => {
    const { code, complained } = await run({ sensor: ["a"], server: "http://127.0.0.1:9" });
    expect([code, complained]).toEqual([1, [expect.stringContaining("http://127.0.0.1:9 cannot be asked")]]);
  });
});

describe("a table of a command", () => {
  it("has columns as wide as what is in them, numbers to the right, and nothing where there is nothing", () => {
    expect(
      tableText(
        ["a", "count"],
        [
          ["long name", 5],
          ["b", undefined],
        ],
      ),
    ).toEqual(["a          count", "long name      5", "b"]);
    expect(tableText(["only", "names"], [])).toEqual(["only  names"]);
  });
});
