/** A recorded history of several cameras, days and tenants in a real log and a real warehouse, to be damaged and verified. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { derive } from "../../analytics/engine.ts";
import { camerasIn, createMemory, saveCameraMemory, saveTouched } from "../../analytics/memory.ts";
import type { Fact } from "../../domain/event.ts";
import type { Finding } from "../../domain/finding.ts";
import { limits } from "../../domain/limits.ts";
import type { Logs, Warehouse } from "../../domain/ports.ts";
import { projections } from "../../projections/index.ts";
import { type DayTold, type Proof, type Verifying, verify } from "../../projections/verify/verify.ts";
import { reachedAlone } from "../../roles/jobs/verify.ts";
import { histories, readFacts } from "../histories/history.ts";
import { clock, noted, projected, tempDir } from "./warehouse.ts";

export const PARTITIONS = 2;
const DAY_MS = 86_400_000;
const TENANTS = ["north", "south"];

type Shifted = { readonly tenant: string; readonly camera: string; readonly ms: number };

const INSTANTS: ReadonlySet<string> = new Set(["receivedAt", "timestamp", "at"]);

/** The same history at another camera, later. Only instants on the clock are moved. */
const shifted = (fact: Fact, { tenant, camera, ms }: Shifted): Fact => {
  const moved = JSON.parse(JSON.stringify(fact), (name, value: unknown) =>
    INSTANTS.has(name) && typeof value === "number" ? value + ms : value,
  ) as Fact;
  return { ...moved, tenant, camera };
};

/** Of two tenants with as many cameras as there are histories, in two months; the first camera sees its objects again later. */
const recordedFacts = async (): Promise<readonly Fact[]> => {
  const all: Fact[] = [];
  const names = await histories();
  const first = await readFacts(names[0] as string);
  for (const [i, name] of names.entries()) {
    const facts = await readFacts(name);
    for (const [k, tenant] of TENANTS.entries()) {
      for (const fact of facts) all.push(shifted(fact, { tenant, camera: `gate-${i}`, ms: (i * 9 + k) * DAY_MS }));
      if (i !== 2) continue;
      for (const fact of first) if (fact.kind === "frame") all.push(shifted(fact, { tenant, camera: "gate-0", ms: (20 + k) * DAY_MS }));
    }
  }
  return all;
};

/** Steps all facts there are and commits what follows, partition by partition, as an owner does; each batch leaves a base of every camera. */
const deriveAll = async (logs: Logs): Promise<void> => {
  const { partitions } = logs.facts;
  let left = partitions;
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const release = await logs.claim(async (owned) => {
    try {
      const { partition } = owned;
      const memory = createMemory();
      const { end } = await logs.facts.bounds(partition);
      for await (const { events, next: position } of logs.facts.read(partition, "start", { to: end })) {
        await owned.commit({ out: events.flatMap((fact) => derive(memory, fact)), next: position, checkpoint: saveTouched(memory) });
        const at = events.reduce((most, { receivedAt }) => Math.max(most, receivedAt), 0);
        for (const camera of camerasIn(memory)) {
          const saved = saveCameraMemory(memory, camera.tenant, camera.camera);
          if (saved !== undefined) await logs.putBase({ ...camera, at, partition, position, memory: saved });
        }
      }
      left -= 1;
      if (left === 0) resolve();
    } catch (error) {
      reject(error);
    }
  });
  await done;
  await release();
};

export const openLog = (dir: string): Promise<Logs> =>
  openLmdbLogs({ dir, partitions: PARTITIONS, factsPerBatch: 50, derivedPerBatch: 50 });

/** Fills both. The log stays open. */
export const furnished = async (warehouse: Warehouse, { dir, remove } = tempDir()) => {
  const logs = await openLog(dir);
  const facts = await recordedFacts();
  for (let i = 0; i < facts.length; i += 40) await logs.facts.append(facts.slice(i, i + 40));
  await deriveAll(logs);
  const running = await projected(logs, warehouse);
  await running.stop();
  return { dir, logs, facts, remove };
};

/** A copy of a log, changed behind its back through the library itself, and opened. */
export const damagedLog = async (
  from: string,
  damage: (table: (name: string) => ReturnType<typeof openTable>) => Promise<void>,
): Promise<{ readonly logs: Logs; readonly remove: () => Promise<void> }> => {
  const { dir, remove } = tempDir();
  for (const file of ["data.mdb", "lock.mdb"]) cpSync(join(from, file), join(dir, file));
  const root = open<Buffer, string | number>({ path: dir, maxDbs: 200, encoding: "binary" });
  await damage((name) => openTable(root, name));
  await root.close();
  const logs = await openLog(dir);
  return {
    logs,
    remove: async () => {
      await logs.close();
      remove();
    },
  };
};
const openTable = (root: ReturnType<typeof open<Buffer, string | number>>, name: string) =>
  root.openDB<Buffer, string | number>({ name, encoding: "binary" });

export type Verified = { readonly findings: readonly Finding[]; readonly days: readonly DayTold[]; readonly proof: Proof };

/** Asked as by a command that has the data to itself. */
export const verified = async (
  logs: Logs,
  warehouse: Warehouse,
  how: Partial<Pick<Verifying, "projections" | "reached" | "only" | "limits" | "pause" | "stop" | "progress">> = {},
): Promise<Verified> => {
  const findings: Finding[] = [];
  const days: DayTold[] = [];
  const proof = await verify({
    logs,
    warehouse,
    projections,
    reached: reachedAlone,
    only: { tenant: undefined, from: undefined, to: undefined },
    limits,
    pause: async () => undefined,
    progress: () => undefined,
    tell: (finding) => findings.push(finding),
    tellDay: (day) => void days.push(day),
    clock,
    journal: noted().journal,
    stop: new AbortController().signal,
    ...how,
  });
  return { findings, days, proof };
};
