/** A log as a live run leaves it, and a backtest of it, whole. */
import { type BacktestAsked, type BacktestCamera, backtest } from "../../analytics/backtest.ts";
import { derive } from "../../analytics/engine.ts";
import { createMemory, type Memory, saveCameraMemory } from "../../analytics/memory.ts";
import type { History } from "../../analytics/past.ts";
import type { BacktestAlert, BacktestCount, BacktestResult, BacktestRow } from "../../domain/backtest-rows.ts";
import type { CameraKey, Json } from "../../domain/envelope.ts";
import type { Alert, Derived, Fact } from "../../domain/event.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { unhurried } from "./past.ts";

/** Appends facts one by one and commits all that follows from them; gives the positions and what was told. */
export const live = async (
  logs: Logs,
  facts: readonly Fact[],
  memory: Memory = createMemory(),
): Promise<{ readonly positions: readonly Position[]; readonly told: readonly Derived[] }> => {
  const positions: Position[] = [];
  for (const fact of facts) positions.push(...(await logs.facts.append([fact])));
  const told = facts.flatMap((fact) => derive(memory, fact));
  await commit(logs, told);
  return { positions, told };
};

/** By the owner of the one partition, with all facts there are. */
export const commit = async (logs: Logs, out: readonly Derived[]): Promise<void> => {
  const { end } = await logs.facts.bounds(0);
  const release = await logs.claim((owned) => owned.commit({ out, next: end }));
  await release();
};

export const memoryAfter = (facts: readonly Fact[], { tenant, camera }: CameraKey): Json => {
  const memory = createMemory();
  for (const fact of facts) derive(memory, fact);
  return saveCameraMemory(memory, tenant, camera) as Json;
};

export type Backtested = {
  readonly rows: readonly BacktestRow[];
  readonly alerts: readonly BacktestAlert[];
  readonly counts: readonly BacktestCount[];
  readonly result: BacktestResult;
};

export const backtested = async (
  history: History,
  cameras: readonly (CameraKey & Partial<BacktestCamera>)[],
  more: Partial<BacktestAsked> = {},
): Promise<Backtested> => {
  const rows: BacktestRow[] = [];
  let result: BacktestResult | undefined;
  const asked = { from: 0, to: Number.MAX_SAFE_INTEGER - 1e9, late: false, labels: [], tolerance: 0, ...unhurried, ...more };
  for await (const part of backtest(history, { ...asked, cameras: cameras.map((camera) => ({ candidate: undefined, ...camera })) })) {
    if (result !== undefined) throw new Error("a part came after the last");
    rows.push(...part.rows);
    result = part.result;
  }
  if (result === undefined) throw new Error("there is no result");
  const alerts = rows.filter((row) => row.row === "alert");
  return { rows, alerts, counts: rows.slice(result.countsFrom) as readonly BacktestCount[], result };
};

export const alertsIn = (events: readonly Derived[]): readonly Alert[] => events.filter((event) => event.kind === "alert");
