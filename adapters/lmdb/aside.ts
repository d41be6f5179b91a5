/** Setting corrupt records aside, only by name and only on opening: nothing is ever skipped in silence. */
import { AdapterError } from "../../domain/ports.ts";
import { unpackJson } from "../codec.ts";
import { Damaged, HEADER, headerOf, seal, unseal } from "../seal.ts";
import type { Environment, Group, Key, Table } from "./environment.ts";
import type { Extent } from "./records.ts";

/** What can be set aside: `facts/<partition>/<record>`, `derived/<partition>/<record>`, `memory/<key>`, `bases/<key>`. */
const NAME = /^(?:(facts|derived)\/(\d+)\/(\d+)|(memory|bases)\/(.+))$/;

const unknown = (name: string): AdapterError =>
  new AdapterError("bad-query", `TALLYWIRE_SKIP_CORRUPT: "${name}" names no record of this log.`, { retryable: false });

type Place = { readonly table: Table; readonly key: Key; readonly record: boolean };

const placeOf = (name: string, partitions: number, tables: (name: string) => Table): Place => {
  const [, log, partition, record, other, key] = NAME.exec(name) ?? [];
  if (log !== undefined && Number(partition) < partitions)
    return { table: tables(`${log}/${partition}`), key: Number(record), record: true };
  if (other !== undefined && key !== undefined) return { table: tables(other), key, record: false };
  throw unknown(name);
};

/** Whether the log counts the record among its own: one that is missing there may be set aside too. */
const holds = (group: Group, state: Table, name: string): boolean => {
  const slash = name.lastIndexOf("/");
  const extent = group.get(state, name.slice(0, slash));
  if (extent === undefined) return false;
  const { first, next } = unpackJson<Extent>("state", extent);
  const record = Number(name.slice(slash + 1));
  return record >= first && record < next;
};

const isSound = (stored: Buffer): boolean => {
  try {
    unseal(stored);
    return true;
  } catch (error) {
    if (error instanceof Damaged) return false;
    throw error;
  }
};

/** The nearest sound header before it says how far arrival had come; a damaged one says nothing. */
const highBefore = (group: Group, table: Table, record: number): number => {
  for (let before = group.get(table, --record); before !== undefined; before = group.get(table, --record)) {
    try {
      return headerOf(before).high;
    } catch (error) {
      if (!(error instanceof Damaged)) throw error;
    }
  }
  return 0;
};

/**
 * Moves each named record to the table "aside". In a log an empty record takes its place, so that positions stay; memory and
 * bases are simply gone: that camera starts afresh. A record that was set aside before is left; a sound one is refused.
 */
export const setAside = (
  environment: Environment,
  names: readonly string[],
  partitions: number,
  tables: (name: string) => Table,
): Promise<void> => {
  if (names.length === 0) return Promise.resolve();
  const aside = tables("aside");
  return environment.write((group) => {
    const moves = names.map((name) => {
      const place = placeOf(name, partitions, tables);
      const stored = group.get(place.table, place.key);
      if (group.get(aside, name) !== undefined) return undefined;
      if (stored === undefined && !(place.record && holds(group, tables("state"), name))) throw unknown(name);
      if (stored !== undefined && isSound(stored)) {
        throw new AdapterError("bad-query", `TALLYWIRE_SKIP_CORRUPT: record ${name} is sound; nothing was set aside.`, {
          retryable: false,
        });
      }
      return { name, place, stored };
    });
    for (const move of moves) {
      if (move === undefined) continue;
      const { name, place, stored } = move;
      group.put(aside, name, stored ?? Buffer.from("missing"));
      if (!place.record) group.remove(place.table, place.key);
      else {
        const high = highBefore(group, place.table, Number(place.key));
        group.put(place.table, place.key, seal(Buffer.alloc(HEADER), { kind: "aside", version: 1, count: 0, high, newest: 0 }));
      }
    }
    return () => undefined;
  });
};
