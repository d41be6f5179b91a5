/** A decision as a record of KurrentDB's, and back. The instant and the schema version are its metadata, the decision's data its data. */
import type { Json } from "../../domain/envelope.ts";
import { AdapterError, type Decided, type Decision, type Revision } from "../../domain/ports.ts";
import type { Proposed, Recorded } from "./messages.ts";

const SCHEMA = 1;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** As KurrentDB gives it back. */
export const idOf = (id: string): string => id.toLowerCase();

/** Throws AdapterError `bad-query` for what KurrentDB cannot keep. */
export const proposedOf = ({ id, type, data, at, by }: Decision): Proposed => {
  const refused = (what: string): AdapterError => new AdapterError("bad-query", `A decision has ${what}.`, { retryable: false });
  if (!UUID.test(id)) throw refused(`the id ${JSON.stringify(id)}, which is no UUID`);
  if (type === "" || !type.isWellFormed()) throw refused(`the type ${JSON.stringify(type)}, which has no UTF-8`);
  return { id: idOf(id), type, data: JSON.stringify(data), metadata: JSON.stringify({ at, schema: SCHEMA, by }) };
};

export const notOurs = (stream: string, revision: number, why: string): AdapterError => {
  const message =
    `Event ${revision - 1} of ${stream} in KurrentDB was not written by this program: ${why}. ` +
    "Decisions cannot be skipped: find out who wrote it, and restore the database from a copy made before.";
  return new AdapterError("corrupt", message, { retryable: false });
};

export const parsed = (stream: string, revision: number, text: string): Json => {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw notOurs(stream, revision, `it is not JSON: ${(cause as Error).message}`);
  }
};

/** Throws AdapterError `corrupt`, and `unavailable` for a decision of a newer program. */
export const decidedOf = (stream: string, { id, type, revision, data, metadata }: Recorded): Decided => {
  const about = parsed(stream, revision, metadata);
  const { at, schema, by } = (about ?? {}) as { readonly at?: unknown; readonly schema?: unknown; readonly by?: unknown };
  if (typeof at !== "number" || typeof schema !== "number") throw notOurs(stream, revision, "its metadata have no instant and no schema");
  if (schema > SCHEMA) {
    const message = `A decision of ${stream} was written in schema ${schema}; this program knows ${SCHEMA} and older. Run the newer program.`;
    throw new AdapterError("unavailable", message, { retryable: false });
  }
  return { id, type, data: parsed(stream, revision, data), at, stream, revision, ...(typeof by === "string" && { by }) };
};

/**
 * A fold needs every decision: a stream of which the beginning or a piece is gone is not read. `records`: those after the revision
 * `after`; undefined where there is no such stream. Throws AdapterError `corrupt`.
 */
export const wholeFrom = (stream: string, after: Revision, records: readonly Recorded[] | undefined): readonly Decided[] => {
  const missing = records === undefined && after > 0 ? 0 : (records ?? []).findIndex(({ revision }, i) => revision !== after + i + 1);
  if (missing !== -1) {
    const message =
      `Event ${after + missing} of ${stream} in KurrentDB is gone: the stream was truncated or deleted. ` +
      "Decisions cannot be skipped: restore the database from a copy made before.";
    throw new AdapterError("corrupt", message, { retryable: false });
  }
  return (records ?? []).map((record) => decidedOf(stream, record));
};
