import { readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { visits } from "../support/visits.ts";
import { clock, embedded, noted, projected, tempDir } from "../support/warehouse.ts";
import { projectorSuite } from "./projector.suite.ts";

const stored = async () => {
  const { dir, remove } = tempDir();
  return { dir, remove, open: async (note = noted()) => (await embedded(dir, note)).warehouse };
};

describe("the projector into the embedded warehouse", { timeout: 300_000 }, () => {
  projectorSuite(stored);
});

describe("the projector into an embedded warehouse in trouble", { timeout: 300_000 }, () => {
  const { begin, visit, expected, rowsOf } = visits(stored);

  it("loses nothing and repeats nothing while the engine is killed again and again", async () => {
    const { stored, logs, facts, derived, append } = await begin(400);
    const note = noted();
    const warehouse = await stored.open(note);
    const running = await projected(logs, warehouse, note);
    let kills = 0;
    const killing = setInterval(() => {
      const pid = warehouse.pid();
      if (pid !== undefined && kills < 6) {
        kills += 1;
        process.kill(pid, "SIGKILL");
      }
    }, 333);
    for (let i = 0; i < facts.length; i += 10) {
      const j = Math.floor((i / facts.length) * derived.length);
      await append({ facts: facts.slice(i, i + 10), derived: derived.slice(j, Math.floor(((i + 10) / facts.length) * derived.length)) });
      await clock.sleep(50);
    }
    clearInterval(killing);
    await running.caughtUp();
    await running.stop();
    await warehouse.close();
    expect(kills).toBeGreaterThan(2);
    expect(note.counted.get("tallywire_warehouse_restarts_total") ?? 0).toBeGreaterThan(2);
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(0);
  });

  it("rebuilds a table with a torn part, and has peace afterwards", async () => {
    const { stored, logs, facts, derived, append } = await begin(60);
    await append();
    await visit(stored, logs);
    const warehouse = await stored.open();
    const parts = await warehouse.select<{ path: string }>(
      "SELECT path FROM system.parts WHERE database = currentDatabase() AND table = 'presence' AND active",
      {},
    );
    await warehouse.close();
    const path = (parts[0] as { path: string }).path;
    const part = path.startsWith("/") ? path : join(stored.dir, "data", path);
    for (const file of readdirSync(part))
      if (/^data\.bin$|^at\.bin$/.test(file)) truncateSync(join(part, file), Math.floor(statSync(join(part, file)).size / 2));
    const { rows, answers, rebuilds } = await visit(stored, logs);
    expect(rows).toEqual(rowsOf(facts, derived));
    expect(answers).toEqual(expected(facts, derived));
    expect(rebuilds).toBe(1);
    expect((await visit(stored, logs)).rebuilds).toBe(0);
  });
});
