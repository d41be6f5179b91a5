/**
 * Whose turn it is to write a partition of a log into the warehouse, where several processes share the work. The warehouse has no
 * compare-and-set, so whoever comes writes that it came before it reads how far the other was, and whoever goes on writes how far it
 * goes before it looks whether another came: one of the two always sees the other. A process that slept through its replacement
 * finds that out at its next batch, and the batch it had announced was finished by the other under the same token.
 */
import type { Clock, Stop, Warehouse } from "../domain/ports.ts";
import { KEPT, type LogKind } from "./projection.ts";

/** `term`: each taking has a higher one, and marks of a higher term win. */
export type Turn = { readonly term: number; readonly isOver: () => Promise<boolean> };
export type Claims = { readonly take: (log: LogKind, partition: number) => Promise<Turn> };

const CLAIMS = "claims";
export const CLAIMING: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${CLAIMS} (log LowCardinality(String), partition UInt32, writer String, term Int64)
  ENGINE = ReplacingMergeTree(term) ORDER BY (log, partition, writer) ${KEPT}`,
];

/** More than one where two came at the same moment. */
const NEWEST = `SELECT DISTINCT writer, term FROM ${CLAIMS} WHERE log = {log:String} AND partition = {partition:UInt32}
AND term = (SELECT max(term) FROM ${CLAIMS} WHERE log = {log:String} AND partition = {partition:UInt32})`;

/** Milliseconds two who came at the same moment wait before they come again, at most: each as long as chance has it. */
const APART_MS = 200;

type World = {
  readonly warehouse: Warehouse;
  readonly writer: string;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly chance: () => number;
  readonly stop: Stop;
};

export const amongOthers = ({ warehouse, writer, clock, chance, stop }: World): Claims => ({
  take: async (log, partition) => {
    const newest = () => warehouse.select<{ writer: string; term: number }>(NEWEST, { log, partition });
    for (;;) {
      const term = ((await newest())[0]?.term ?? 0) + 1;
      await warehouse.insert(CLAIMS, [{ log, partition, writer, term }], `${log}/${partition}/${writer}/${term}`);
      const isOver = async (): Promise<boolean> => (await newest()).some((one) => one.term > term || one.writer !== writer);
      const isTied = (await newest()).some((one) => one.term === term && one.writer !== writer);
      if (!isTied || stop.aborted) return { term, isOver };
      await clock.sleep(chance() * APART_MS, stop);
    }
  },
});
