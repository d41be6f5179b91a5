/** Both logs in one LMDB environment, so that derived events, the position they follow from and memory are one transaction. */
import { randomUUID } from "node:crypto";
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Fact } from "../domain/event.ts";
import { AdapterError, type Base, type Logs, type Owned, type Release, type Share } from "../domain/ports.ts";
import { derivedCodec, factCodec, packJson, unpackJson } from "./codec.ts";
import { batchLimits, type LogBounds } from "./feed.ts";
import { setAside } from "./lmdb/aside.ts";
import { LmdbBases } from "./lmdb/bases.ts";
import { LmdbDerived } from "./lmdb/derived.ts";
import { Environment, type Table } from "./lmdb/environment.ts";
import { LmdbFacts } from "./lmdb/facts.ts";
import { checked, Records } from "./lmdb/records.ts";
import { retain } from "./lmdb/retention.ts";
import { Ownership, Shares } from "./ownership.ts";
import type { Policy } from "./retention.ts";

export type LmdbLogsOptions = LogBounds & {
  readonly dir: string;
  /** Fixed when the log is created. */
  readonly partitions: number;
  /** Names of corrupt records to set aside, as the error that reports one gives them. */
  readonly skipCorrupt?: readonly string[];
};

type Identity = { readonly epoch: string; readonly partitions: number };

class LmdbLogs implements Logs {
  readonly facts: LmdbFacts;
  readonly derived: LmdbDerived;
  readonly #environment: Environment;
  readonly #facts: readonly Records<Fact>[];
  readonly #all: readonly { readonly growth: { end(): void } }[];
  readonly #bases: LmdbBases;
  readonly #ownership: Ownership;
  readonly #shares: Shares;

  constructor(environment: Environment, identity: Identity, tables: (name: string) => Table, limits: ReturnType<typeof batchLimits>) {
    const numbers = Array.from({ length: identity.partitions }, (_, p) => p);
    const state = tables("state");
    this.#environment = environment;
    this.#facts = numbers.map((p) => new Records(environment, state, `facts/${p}`, factCodec(), limits.facts));
    const derived = numbers.map((p) => new Records(environment, state, `derived/${p}`, derivedCodec(), limits.derived));
    this.#all = [...this.#facts, ...derived];
    this.facts = new LmdbFacts(environment, identity.epoch, this.#facts);
    this.derived = new LmdbDerived(environment, identity.epoch, derived, state, tables("memory"));
    this.#bases = new LmdbBases(environment, tables("bases"));
    this.#shares = new Shares(identity.partitions);
    this.#ownership = new Ownership(identity.partitions, this.derived);
  }

  async claim(own: (owned: Owned) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#ownership.claim(own);
  }

  async share(name: string, work: (share: Share) => Promise<void>): Promise<Release> {
    this.#open();
    return this.#shares.share(name, work);
  }

  async progress(partition: number): ReturnType<Logs["progress"]> {
    const facts = this.derived.progress(partition).next;
    return { facts, derived: (await this.derived.bounds(partition)).end };
  }

  putBase(base: Base): Promise<void> {
    return this.#bases.put(base);
  }

  baseBefore(camera: CameraKey, instant: Instant): Promise<Base | undefined> {
    return Promise.resolve().then(() => this.#bases.before(camera, instant));
  }

  retain(policy: Policy): Promise<number> {
    return retain({ environment: this.#environment, facts: this.#facts, derived: this.derived, bases: this.#bases }, policy);
  }

  async close(): Promise<void> {
    this.#ownership.fenceAll();
    this.#shares.loseAll();
    for (const records of this.#all) records.growth.end();
    await this.#environment.close();
  }

  #open(): void {
    if (this.#environment.closed) throw new AdapterError("closed", "The log is closed.", { retryable: false });
  }
}

/** Made at creation: positions of another epoch mean nothing here, and a camera's partition may never change. */
const identify = async (environment: Environment, state: Table, partitions: number): Promise<Identity> => {
  const stored = state.getBinary("identity");
  if (stored === undefined) {
    const identity: Identity = { epoch: randomUUID(), partitions };
    return environment.write((group) => {
      group.put(state, "identity", packJson("state", identity));
      return () => identity;
    });
  }
  const identity = checked(environment, "state/identity", () => unpackJson<Identity>("state", stored));
  if (identity.partitions === partitions) return identity;
  const message =
    `The log in ${environment.dir} was created with ${identity.partitions} partitions and was opened with ${partitions}. ` +
    `The number cannot change, or a camera's facts would be in two places: open it with ${identity.partitions}.`;
  throw new AdapterError("bad-query", message, { retryable: false });
};

/** Throws AdapterError `in-use`, `corrupt`, `full`, and `bad-query` for a number of partitions that is not the log's. */
export const openLmdbLogs = async (options: LmdbLogsOptions): Promise<Logs> => {
  const { dir, partitions, skipCorrupt = [] } = options;
  if (!Number.isInteger(partitions) || partitions < 1) throw new RangeError(`A log has 1 partition or more, not ${partitions}.`);
  // Room for a log that was created with more partitions, so that the complaint is ours.
  const environment = new Environment(dir, 2 * Math.max(partitions, 64) + 8);
  try {
    const open = new Map<string, Table>();
    const tables = (name: string): Table => {
      const table = open.get(name) ?? environment.table(name);
      open.set(name, table);
      return table;
    };
    const identity = await identify(environment, tables("state"), partitions);
    await setAside(environment, skipCorrupt, partitions, tables);
    return new LmdbLogs(environment, identity, tables, batchLimits(options));
  } catch (error) {
    await environment.close();
    throw error;
  }
};
