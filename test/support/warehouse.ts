/** An embedded warehouse in a folder that is removed afterwards, and what a projector needs beside it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ChdbOptions } from "../../adapters/chdb/process.ts";
import { openChdb } from "../../adapters/warehouse-clickhouse.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Clock, Journal, Log, Meter, Warehouse } from "../../domain/ports.ts";
import { projections as all } from "../../projections/index.ts";
import { openProjections } from "../../projections/open.ts";
import { Progress } from "../../projections/progress.ts";
import type { Projection } from "../../projections/projection.ts";
import { project } from "../../projections/projector.ts";

export const clock: Clock = {
  now: () => Date.now(),
  sleep: (ms, stop) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, stop?.aborted ? 0 : ms);
      const early = (): void => {
        clearTimeout(timer);
        resolve();
      };
      stop?.addEventListener("abort", early, { once: true });
    }),
};

export const noted = (): {
  readonly journal: Journal;
  readonly meter: Meter;
  readonly lines: string[];
  readonly counted: Map<string, number>;
} => {
  const lines: string[] = [];
  const counted = new Map<string, number>();
  const line = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  return {
    lines,
    counted,
    journal: { debug: line, info: line, warn: line, error: line, fatal: line },
    meter: { count: (name, n = 1) => void counted.set(name, (counted.get(name) ?? 0) + n), set: () => undefined, observe: () => undefined },
  };
};

export const tempDir = (): { readonly dir: string; readonly remove: () => void } => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-test-"));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
};

export const embedded = async (dir: string, note = noted(), options: Pick<ChdbOptions, "querySeconds" | "pingMs"> = {}) => ({
  warehouse: await openChdb({ dir, lockWaitMs: 2_000, ...note, ...options }),
  ...note,
});

type Both = { readonly facts: Log<Fact>; readonly derived: Log<Derived> };

/** Opens the tables and projects both logs until everything appended so far is in; returns how to stop. */
export const projected = async (logs: Both, warehouse: Warehouse, note = noted(), projections: readonly Projection[] = all) => {
  const end = new AbortController();
  const parts = { clock, ...note, stop: end.signal };
  await openProjections({ ...logs, warehouse, projections, ...parts });
  const progress = new Progress();
  const running = (["facts", "derived"] as const).flatMap((kind) =>
    Array.from({ length: logs[kind].partitions }, (_, partition) =>
      project({ kind, log: logs[kind], partition, projections, warehouse, progress, ...parts }),
    ),
  );
  const caughtUp = async (): Promise<void> => {
    for (const kind of ["facts", "derived"] as const) {
      for (let p = 0; p < logs[kind].partitions; p++) await progress.until(kind, p, (await logs[kind].bounds(p)).end, end.signal);
    }
  };
  const failed = Promise.all(running);
  await Promise.race([caughtUp(), failed]);
  const stop = async (): Promise<void> => {
    end.abort();
    await failed;
  };
  return { progress, caughtUp, stop };
};
