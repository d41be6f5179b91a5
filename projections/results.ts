/**
 * Rows of what jobs found: kept here since there may be many, and for a while. No log has them, so no rebuild brings them back: who misses
 * them asks for the job anew. Of the same number the row written under the highest turn is the one.
 */
import type { Json } from "../domain/envelope.ts";
import { limits } from "../domain/limits.ts";
import type { Warehouse } from "../domain/ports.ts";
import { KEPT } from "./projection.ts";
import { type Reader, readerOf } from "./reader.ts";

const RESULTS = "job_rows";

export const RESULTING: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS ${RESULTS} (tenant LowCardinality(String), job String, number Int64, turn Int64, written DateTime, content String CODEC(ZSTD))
  ENGINE = ReplacingMergeTree(turn) ORDER BY (tenant, job, number) TTL written + INTERVAL ${limits.jobRowsKeptMs / 1000} SECOND ${KEPT}`,
];

export type OfJob = { readonly tenant: string; readonly job: string };

/** `number` is the first one's, `turn` higher than that of what it is to replace. The same turn again writes nothing. */
export const writeResults = async (
  warehouse: Pick<Warehouse, "insert">,
  { tenant, job, turn, at }: OfJob & { readonly turn: number; readonly at: number },
  number: number,
  rows: readonly Json[],
): Promise<void> => {
  const written = Math.floor(at / 1000);
  const all = rows.map((row, i) => ({ tenant, job, number: number + i, turn, written, content: JSON.stringify(row) }));
  await warehouse.insert(RESULTS, all, JSON.stringify([tenant, job, turn]));
};

const PAGE = `
SELECT number, argMax(${RESULTS}.content, ${RESULTS}.turn) AS content FROM ${RESULTS}
WHERE tenant = {tenant:String} AND job = {job:String} AND number >= {from:Int64} AND number < {to:Int64}
GROUP BY number ORDER BY number`;

/** Those in [from, to) that are there, in their order. */
const read = async (reader: Reader, job: string, from: number, to: number): Promise<readonly Json[]> => {
  const rows = await reader.select<{ content: string }>(PAGE, { job, from, to });
  return rows.map(({ content }) => JSON.parse(content) as Json);
};

export const readResults = (
  warehouse: Pick<Warehouse, "select">,
  { tenant, job }: OfJob,
  from: number,
  to: number,
): Promise<readonly Json[]> => read(readerOf(warehouse, tenant), job, from, to);
