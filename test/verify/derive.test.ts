import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { derivedCodec } from "../../adapters/codec.ts";
import { headerOf } from "../../adapters/seal.ts";
import type { Derived, Recompute } from "../../domain/event.ts";
import type { Finding } from "../../domain/finding.ts";
import { EVENTS_PER_RECORD, type Logs, type Warehouse } from "../../domain/ports.ts";
import { reachedAlone, type Verified, verifyAll } from "../../roles/jobs/verify.ts";
import { damagedLog, furnished, PARTITIONS } from "../support/proven.ts";
import { clock, embedded, noted, tempDir } from "../support/warehouse.ts";

let warehouse: Warehouse;
let log: Awaited<ReturnType<typeof furnished>>;
const home = tempDir();
const ends: (() => Promise<void>)[] = [];

beforeAll(async () => {
  warehouse = (await embedded(home.dir)).warehouse;
  log = await furnished(warehouse);
  await log.logs.close();
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});
afterAll(async () => {
  await warehouse.close();
  log.remove();
  home.remove();
});

type Table = Parameters<Parameters<typeof damagedLog>[1]>[0];
const damaged = async (damage: (table: Table) => Promise<void> = async () => undefined): Promise<Logs> => {
  const { logs, remove } = await damagedLog(log.dir, damage);
  ends.push(remove);
  return logs;
};

const derivedAgain = async (logs: Logs): Promise<Verified & { readonly differing: readonly Finding[] }> => {
  const { journal } = noted();
  const all: Finding[] = [];
  const verified = await verifyAll(
    { logs, warehouse: () => warehouse, reached: reachedAlone, clock, journal },
    {
      wish: { kind: "verify", from: undefined, to: undefined, derive: true },
      tenant: undefined,
      stop: new AbortController().signal,
      progress: () => undefined,
      pause: async () => undefined,
      tell: (finding) => all.push(finding),
      tellDay: () => undefined,
    },
  );
  return { ...verified, differing: all.filter(({ what }) => what === "derived-differs") };
};

const eventsOf = async (
  logs: Logs,
): Promise<readonly { readonly event: Derived; readonly partition: number; readonly record: number }[]> => {
  const all: { event: Derived; partition: number; record: number }[] = [];
  for (let partition = 0; partition < PARTITIONS; partition++)
    for await (const { events, positions } of logs.derived.read(partition, "start"))
      for (const [i, event] of events.entries()) all.push({ event, partition, record: (positions[i] as number) / EVENTS_PER_RECORD });
  return all;
};

/** As the owner of the partition, who has come to the end of the facts. */
const commit = async (logs: Logs, partition: number, out: readonly Derived[]): Promise<void> => {
  const { end } = await logs.facts.bounds(partition);
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const release = await logs.claim(async (owned) => {
    if (owned.partition === partition) await owned.commit({ out, next: end }).then(resolve, reject);
  });
  await done;
  await release();
};

describe("what was derived, compared with what follows from the facts", () => {
  it("agrees, every event of it", async () => {
    const logs = await damaged();
    const { verdict, derived, findings } = await derivedAgain(logs);
    expect({ verdict, findings }).toEqual({ verdict: "agree", findings: 0 });
    expect(derived).toEqual({ events: (await eventsOf(logs)).length, left: 0 });
  });

  it("agrees from the oldest base on where older facts were dropped", async () => {
    const logs = await damaged();
    const keepFrom = await Promise.all(Array.from({ length: PARTITIONS }, async (_, p) => (await logs.progress(p)).facts));
    await logs.retain({ arrivedBefore: Date.UTC(2026, 0, 20), maxBytes: Number.MAX_SAFE_INTEGER, keepFrom });
    const starts = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => logs.facts.bounds(p)));
    expect(starts.some(({ start }) => start > 0)).toBe(true);
    const { verdict, derived } = await derivedAgain(logs);
    expect(verdict).toBe("agree");
    expect(derived?.events).toBeGreaterThan(0);
    expect(derived?.events).toBeLessThan((await eventsOf(logs)).length);
  });

  it("has a crossing altered in the log: named with what only the facts say and what only the log says", async () => {
    const logs = await damaged();
    const found = (await eventsOf(logs)).find(({ event }) => event.kind === "crossing");
    const { event, partition, record } = found as NonNullable<typeof found> & { readonly event: Extract<Derived, { kind: "crossing" }> };
    const direction = event.direction === "entry" ? "exit" : "entry";
    const codec = derivedCodec();
    const altered = await damaged(async (table) => {
      const stored = table(`derived/${partition}`).getBinary(record) as Buffer;
      const { count, newest, high } = headerOf(stored);
      const bytes = codec.stamp(codec.pack([{ ...event, direction }]), { count, newest, high, squeezed: false });
      await table(`derived/${partition}`).put(record, bytes);
    });
    const { differing, verdict, told } = await derivedAgain(altered);
    const { tenant, camera, at } = event;
    expect(differing).toMatchObject([
      { tenant, camera, partition, kind: "crossing", lacks: { at, direction: event.direction }, has: { at, direction } },
    ]);
    expect(verdict).toBe("differ");
    // The table has the row as it was.
    expect(told).toMatchObject([{ what: "rows-altered", columns: [{ column: "direction" }] }, { what: "derived-differs" }]);
  });

  it("has an event too many in the log: named as what only the log has", async () => {
    const logs = await damaged();
    const found = (await eventsOf(logs)).find(({ event }) => event.kind === "presence");
    const { event } = found as NonNullable<typeof found>;
    await logs.derived.append([event]);
    const { differing } = await derivedAgain(logs);
    expect(differing).toMatchObject([{ kind: "presence", lacks: null, has: { kind: "presence", receivedAt: event.receivedAt } }]);
  });

  it("sets apart what a recomputation told", async () => {
    const logs = await damaged();
    const found = (await eventsOf(logs)).find(({ event }) => event.kind === "crossing");
    const { event, partition } = found as NonNullable<typeof found> & { readonly event: Extract<Derived, { kind: "crossing" }> };
    const { tenant, camera, at } = event;
    const receivedAt = event.receivedAt + 3_600_000 * 24 * 100;
    const asked: Recompute = {
      kind: "recompute",
      tenant,
      camera,
      receivedAt,
      id: "job",
      from: at,
      to: at + 1,
      definitions: "then",
      since: 0,
    };
    const told: Derived = { ...event, receivedAt, correction: { revision: 1, retracted: true } };
    await commit(logs, partition, [told]);
    expect((await derivedAgain(logs)).differing).toMatchObject([{ kind: "crossing", lacks: null }]);
    const again = await damaged();
    await again.facts.append([asked]);
    await commit(again, partition, [told]);
    expect((await derivedAgain(again)).differing).toEqual([]);
  });
});
