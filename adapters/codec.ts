/**
 * Events <-> bytes. Every record carries the schema version it was written in; older ones are lifted, version by version, by
 * upcasters, so that the rest of the house knows one schema only. Raise `version` and add an upcaster from the one before
 * whenever a stored event changes shape; never change what an old version means.
 */
import type { Derived, Fact } from "../domain/event.ts";
import { AdapterError } from "../domain/ports.ts";
import { packFacts, unpackFacts } from "./block.ts";
import { Damaged, HEADER, type Header, seal, sealJson, unseal } from "./seal.ts";

/** From this version to the next. Gets one event as it was stored. */
export type Upcaster = (event: never) => unknown;
export type Schema = { readonly version: number; readonly upcasters: ReadonlyMap<number, Upcaster> };

const factSchema: Schema = { version: 1, upcasters: new Map() };
/** 2: corrections of crossings and stays, and what came of recomputations. What is older has none. */
export const derivedSchema: Schema = { version: 2, upcasters: new Map<number, Upcaster>([[1, (event) => event]]) };

export type Stamp = Pick<Header, "count" | "newest" | "high" | "squeezed">;

export interface Codec<E> {
  /** Bytes without a header; `stamp` adds it once the record's place in the partition is known. */
  pack(events: readonly E[]): Buffer;
  stamp(record: Buffer, stamp: Stamp): Buffer;
  /** Throws Damaged, or AdapterError `unavailable` for a record of a newer schema. */
  unpack(record: Buffer): E[];
}

/** Before anything else: what a newer program means by its bytes is not for this one to judge. */
const checkVersion = ({ version, kind }: Pick<Header, "version" | "kind">, schema: Schema): void => {
  if (version <= schema.version) return;
  const message = `A record was written in schema ${version} of ${kind}; this program knows ${schema.version} and older. Run the newer program.`;
  throw new AdapterError("unavailable", message, { retryable: false });
};

const lifted = <E>(events: unknown[], header: Pick<Header, "version" | "kind">, schema: Schema): E[] => {
  let lifting = events;
  for (let v = header.version; v < schema.version; v++) {
    const up = schema.upcasters.get(v);
    if (up === undefined) throw new Error(`There is no upcaster from schema ${v} of ${header.kind}.`);
    lifting = lifting.map((event) => up(event as never));
  }
  return lifting as E[];
};

/** The JSON parser's complaint is damage too: the checksum matched, so the writer or the memory was at fault. */
const readable = <T>(read: () => T): T => {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof SyntaxError || cause instanceof RangeError) throw new Damaged(`it cannot be read: ${cause.message}`, { cause });
    throw cause;
  }
};

const kindIs = (header: Header, kind: Header["kind"]): void => {
  if (header.kind !== kind) throw new Damaged(`it is of kind ${header.kind} where ${kind} is expected`);
};

/** Many facts a record. A record that was set aside (see lmdb/aside.ts) is empty. */
export const factCodec = (schema: Schema = factSchema): Codec<Fact> => ({
  pack: packFacts,
  stamp: (record, stamp) => seal(record, { kind: "facts", version: schema.version, ...stamp }),
  unpack: (record) => {
    const { header, payload } = unseal(record);
    if (header.kind === "aside") return [];
    kindIs(header, "facts");
    checkVersion(header, schema);
    return lifted(
      readable(() => unpackFacts(payload)),
      header,
      schema,
    );
  },
});

/** One derived event a record, JSON: others read them too. */
export const derivedCodec = (schema: Schema = derivedSchema): Codec<Derived> => ({
  pack: ([event]) => {
    const json = JSON.stringify(event);
    const record = Buffer.allocUnsafeSlow(HEADER + Buffer.byteLength(json));
    record.write(json, HEADER, "utf8");
    return record;
  },
  stamp: (record, stamp) => seal(record, { kind: "derived", version: schema.version, ...stamp }),
  unpack: (record) => {
    const { header, payload } = unseal(record);
    if (header.kind === "aside") return [];
    kindIs(header, "derived");
    checkVersion(header, schema);
    return lifted(
      readable(() => [JSON.parse(payload.toString("utf8"))]),
      header,
      schema,
    );
  },
});

const DERIVED_KINDS: ReadonlySet<unknown> = new Set<Derived["kind"]>(["alert", "crossing", "presence", "coverage", "recomputed"]);

/** One derived event as JSON text without a header of ours, for others to read; the schema version goes beside it. */
export const derivedText = (schema: Schema = derivedSchema) => ({
  version: schema.version,
  write: (event: Derived): string => JSON.stringify(event),
  /** Throws Damaged, or AdapterError `unavailable` for a newer schema. */
  read: (text: string, version: number): Derived => {
    checkVersion({ kind: "derived", version }, schema);
    const parsed = readable(() => JSON.parse(text) as Derived | null);
    if (!DERIVED_KINDS.has(parsed?.kind)) throw new Damaged("it is no derived event");
    return lifted<Derived>([parsed], { kind: "derived", version }, schema)[0] as Derived;
  },
});

/** One fact as JSON text, for files that others read; the schema version goes beside it. */
export const factText = (schema: Schema = factSchema) => ({
  version: schema.version,
  write: (fact: Fact): string => JSON.stringify(fact),
  /** Throws AdapterError `unavailable` for a newer schema. */
  lift: (fact: unknown, version: number): Fact => {
    checkVersion({ kind: "facts", version }, schema);
    return lifted<Fact>([fact], { kind: "facts", version }, schema)[0] as Fact;
  },
});

/** One JSON value a record, for what is no event: memory, bases, decisions, the log's own state. */
export const packJson = (kind: Header["kind"], value: unknown): Buffer =>
  sealJson(JSON.stringify(value), { kind, version: 1, count: 1, high: 0, newest: 0 });

/** Throws Damaged. */
export const unpackJson = <T>(kind: Header["kind"], record: Buffer): T => {
  const { header, payload } = unseal(record);
  kindIs(header, kind);
  return readable(() => JSON.parse(payload.toString("utf8")) as T);
};
