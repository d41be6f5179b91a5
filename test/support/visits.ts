/** A history in the logs, and a look at what a warehouse has made of it: opened, projected, asked, closed. */
import { afterEach } from "vitest";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Warehouse } from "../../domain/ports.ts";
import { ask } from "../../projections/ask.ts";
import { projections } from "../../projections/index.ts";
import { positionsOf } from "../../projections/positions.ts";
import type { Projection } from "../../projections/projection.ts";
import type { Scope } from "../../projections/questions.ts";
import { readerOf } from "../../projections/reader.ts";
import { fold } from "./fold.ts";
import { BEGIN, historyOf, SPAN } from "./history.ts";
import { clock, noted, projected } from "./warehouse.ts";

const scope: Scope = { tenant: "t", camera: "c", epochs: new Map() };
const open = { from: undefined, to: undefined, limit: 1000, after: undefined };
const REBUILDS = "tallywire_warehouse_rebuilds_total";

/** A warehouse's data, which outlives who opens it. */
export type Stored = {
  readonly open: (note?: ReturnType<typeof noted>) => Promise<Warehouse>;
  readonly remove: () => Promise<void> | void;
};

/** `opens` data without a table. What was opened is removed after each test. */
export const visits = <S extends Stored>(opens: () => Promise<S>) => {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const begin = async (size: number, logs = openMemoryLogs({ partitions: 2 })) => {
    const stored = await opens();
    ends.push(stored.remove);
    const { facts, derived } = historyOf(7, "t", "c", size);
    const append = async (
      some: { readonly facts: readonly Fact[]; readonly derived: readonly Derived[] } = { facts, derived },
    ): Promise<void> => {
      for (let i = 0; i < some.facts.length; i += 20) await logs.facts.append(some.facts.slice(i, i + 20));
      for (let i = 0; i < some.derived.length; i += 20) await logs.derived.append(some.derived.slice(i, i + 20));
    };
    return { stored, logs, facts, derived, append };
  };
  /** Opens, projects all there is, asks, closes. */
  const visit = async (stored: S, logs: ReturnType<typeof openMemoryLogs>, list: readonly Projection[] = projections) => {
    const note = noted();
    const warehouse = await stored.open(note);
    try {
      const running = await projected(logs, warehouse, note, list);
      const questions = ask(warehouse, { clock, meter: note.meter });
      const answers = {
        alerts: (await questions.alerts(scope, { ...open, analytic: undefined })).rows,
        crossings: (await questions.crossings(scope, { ...open, tripwireId: undefined })).rows,
        stays: (await questions.stays(scope, { ...open, analytic: undefined, placeId: undefined })).rows,
        frames: (await questions.frames(scope, open)).rows,
        signs: await questions.signs(scope.tenant, undefined),
        uptime: await questions.uptime(scope, open),
      };
      const rows: Record<string, number> = {};
      for (const { name, kind } of list) {
        if (kind === "rows") rows[name] = (await warehouse.select<{ n: number }>(`SELECT count() AS n FROM ${name}`, {}))[0]?.n ?? -1;
      }
      const span = await positionsOf(readerOf(warehouse, scope.tenant), scope, { from: BEGIN, to: BEGIN + SPAN });
      await running.stop();
      return { answers, rows, span, rebuilds: note.counted.get(REBUILDS) ?? 0, lines: note.lines };
    } finally {
      await warehouse.close();
    }
  };
  const expected = (facts: readonly Fact[], derived: readonly Derived[]) => {
    const told = fold(facts, derived);
    const all = { from: undefined, to: undefined };
    return {
      alerts: told.alerts(scope, { ...all, analytic: undefined }),
      crossings: told.crossings(scope, { ...all, tripwireId: undefined }),
      stays: told.stays(scope, { ...all, analytic: undefined, placeId: undefined }),
      frames: told.frames(scope, all),
      signs: told.signs(scope.tenant, undefined),
      uptime: told.uptime(scope, all),
    };
  };
  const rowsOf = (facts: readonly Fact[], derived: readonly Derived[]) => ({
    alerts: derived.filter((e) => e.kind === "alert").length,
    crossings: derived.filter((e) => e.kind === "crossing").length,
    presence: derived.filter((e) => e.kind === "presence").length,
    coverage: derived.filter((e) => e.kind === "coverage").length,
    frames: facts.filter((e) => e.kind === "frame").length,
    states: facts.filter((e) => e.kind === "camera-state").length,
  });
  return { begin, visit, expected, rowsOf };
};
