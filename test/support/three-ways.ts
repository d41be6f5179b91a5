/** One log asked three ways: driven live, derived again, and backtested. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import type { BacktestRow } from "../../domain/backtest-rows.ts";
import { type CameraKey, keyText } from "../../domain/envelope.ts";
import type { Alert, Derived, Fact } from "../../domain/event.ts";
import { partitionOf } from "../../domain/ids.ts";
import { type Backtested, backtested } from "./backtested.ts";
import { driving, fakeClock, watched } from "./driven.ts";
import { historyOf, pastOf } from "./past.ts";

/** Lines of JSON, of the first a camera's before the next one's: cameras are independent of each other. */
export const linesOf = (events: readonly (Derived | undefined)[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join("");

export type ThreeWays = {
  /** What the driver committed to the derived log. */
  readonly live: readonly Derived[];
  readonly replay: readonly Derived[];
  readonly backtest: Backtested;
  readonly cameras: readonly CameraKey[];
};

/**
 * The facts in an LMDB log of its own, in appends of so many, one partition. The live run reads them as an owner does, and commits; the other two
 * have nothing but what it left behind.
 */
export const threeWays = async (facts: readonly Fact[], perAppend = 100): Promise<ThreeWays> => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-three-"));
  const logs = await openLmdbLogs({ dir, partitions: 1 });
  try {
    const cameras = [...new Map(facts.map(({ tenant, camera }) => [keyText(tenant, camera), { tenant, camera }])).values()];
    if (cameras.some(({ tenant, camera }) => partitionOf(tenant, camera, 1) !== 0)) throw new Error("there is one partition");
    for (let i = 0; i < facts.length; i += perAppend) await logs.facts.append(facts.slice(i, i + perAppend));
    // So much later than all of it that no camera is live, and no heartbeats come to those that were recorded.
    const clock = fakeClock(Date.UTC(2100, 0, 1));
    const { driven, failed, release } = await driving(watched(logs, clock), clock);
    const { end } = await logs.facts.bounds(0);
    while (driven.position < end && failed() === undefined) await clock.pass(0);
    await release();
    if (failed() !== undefined) throw failed();
    const live: Derived[] = [];
    for await (const { events } of logs.derived.read(0, "start")) live.push(...events);
    const replay = (await pastOf(historyOf(logs), cameras)).derived;
    const backtest = await backtested(historyOf(logs), cameras, { from: Number.MIN_SAFE_INTEGER });
    if ((await logs.facts.bounds(0)).end !== end) throw new Error("something was written to the facts meanwhile");
    return { live, replay, backtest, cameras };
  } finally {
    await logs.close();
    rmSync(dir, { recursive: true, force: true });
  }
};

/** Of each alert the highest revision, in the order in which they were first told. */
export const truthOf = (events: readonly Derived[]): readonly Alert[] => {
  const newest = new Map<string, Alert>();
  for (const event of events) if (event.kind === "alert") newest.set(keyText(keyText(event.tenant, event.camera), event.id), event);
  return [...newest.values()];
};

/** In an order that does not depend on when each was handed on. */
export const sorted = (events: readonly (Derived | undefined)[]): readonly string[] => events.map((event) => JSON.stringify(event)).sort();

export const crossingsOf = (rows: readonly BacktestRow[]): readonly Derived[] =>
  rows.flatMap((row) => (row.row === "crossing" ? [row.crossing] : []));
