/** Dropping facts from LMDB: whole records, some at a time, each lot in one transaction with the bases that lose their facts. */
import type { CameraKey } from "../../domain/envelope.ts";
import type { Fact } from "../../domain/event.ts";
import { EVENTS_PER_RECORD } from "../../domain/ports.ts";
import { camerasIn } from "../block.ts";
import { type Kept, nextToGo, type Oldest, type Policy } from "../retention.ts";
import { headerOf, unseal } from "../seal.ts";
import type { LmdbBases } from "./bases.ts";
import type { LmdbDerived } from "./derived.ts";
import type { Environment, Group } from "./environment.ts";
import type { Records } from "./records.ts";

type Log = {
  readonly environment: Environment;
  readonly facts: readonly Records<Fact>[];
  readonly derived: LmdbDerived;
  readonly bases: LmdbBases;
};

/** So that appends need not wait long behind a drop. */
const RECORDS_AT_ONCE = 64;

/** Says how many records went. */
export const retain = async (log: Log, policy: Policy): Promise<number> => {
  for (let gone = 0; ; ) {
    const went = await log.environment.write((group) => drop(log, group, policy));
    gone += went;
    if (went < RECORDS_AT_ONCE) return gone;
  }
};

const drop = ({ facts, derived, bases }: Log, group: Group, policy: Policy): (() => number) => {
  const extents = facts.map((records) => records.within(group));
  const firsts = extents.map(({ first }) => first);
  let bytes = extents.reduce((sum, extent) => sum + extent.bytes, 0);
  const oldest = (p: number): Oldest | undefined => {
    const record = firsts[p] as number;
    return record < (extents[p]?.next ?? 0) ? oldestOf(group, facts[p] as Records<Fact>, record) : undefined;
  };
  const kept: Kept = {
    partitions: facts.length,
    oldest,
    bytes: () => bytes,
    checkpoint: (p) => derived.progress(p).at,
    baseBefore: (camera, horizon) => bases.before(camera, horizon),
  };
  let gone = 0;
  while (gone < RECORDS_AT_ONCE) {
    const p = nextToGo(kept, policy);
    if (p === undefined) break;
    const going = oldest(p) as Oldest;
    for (const camera of going.cameras()) bases.dropBefore(group, camera, (going.record + 1) * EVENTS_PER_RECORD);
    bytes -= going.bytes;
    firsts[p] = going.record + 1;
    gone++;
  }
  const applied = facts.map((records, p) => (firsts[p] === extents[p]?.first ? undefined : records.drop(group, firsts[p] as number)));
  return () => {
    for (const apply of applied) apply?.();
    return gone;
  };
};

const oldestOf = (group: Group, records: Records<Fact>, record: number): Oldest | undefined => {
  const stored = group.get(records.table, record) ?? records.bytesOf(record);
  if (stored === undefined) return undefined;
  const cameras = (): CameraKey[] => {
    const { header, payload } = records.checked(record, () => unseal(stored));
    return header.kind === "aside" ? [] : camerasIn(payload).map(([tenant, camera]) => ({ tenant, camera }));
  };
  return { record, bytes: stored.length, newest: records.checked(record, () => headerOf(stored)).newest, cameras };
};
