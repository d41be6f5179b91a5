/**
 * What the fake KurrentDB holds: one log of records at byte-like positions, and the server's rules for writing to it: expected
 * revisions, idempotency by event id, `$maxCount` and `$tb`. The rules follow the server's own (CheckCommit in its index writer).
 */

export type Proposed = {
  readonly id: string;
  readonly type: string;
  readonly json: boolean;
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
};
/** `position`: of commit and prepare alike, as for every write over gRPC. `revision` counts from 0. */
export type Recorded = Proposed & {
  readonly stream: string;
  readonly revision: number;
  readonly position: number;
  readonly created: number;
};

/** What a writer expects beside a revision. */
export const NO_STREAM = -1;
export const ANY = -2;
export const EXISTS = -4;

export type Outcome =
  | { readonly done: true; readonly revision: number; readonly position: number }
  /** -1: there is no stream. */
  | { readonly done: false; readonly current: number };

/** Before the first event stands a record that is none. */
const FIRST_EVENT = 311;
/** How many events a write that expects any revision is compared with. */
const REMEMBERED = 1000;

export class Ledger {
  readonly records: Recorded[] = [];
  readonly #streams = new Map<string, Recorded[]>();
  readonly #remembered = new Map<string, Recorded>();
  readonly #waiting = new Set<() => void>();
  #end: number;

  constructor(firstPosition = FIRST_EVENT) {
    this.#end = firstPosition;
  }

  /** The position after the newest record. */
  get end(): number {
    return this.#end;
  }

  append(stream: string, expected: number, events: readonly Proposed[]): Outcome {
    const there = this.#streams.get(stream) ?? [];
    const current = there.length - 1;
    const wrong: Outcome = { done: false, current };
    if (expected === EXISTS && current < 0) return wrong;
    if (expected === ANY || expected === EXISTS) {
      const known = events.map(({ id }) => this.#remembered.get(id)).map((one) => (one?.stream === stream ? one : undefined));
      const fresh = known.indexOf(undefined);
      if (fresh === -1 && events.length > 0) return this.#stands(known.at(-1) as Recorded);
      if (fresh > 0) return wrong;
    } else if (expected < current) {
      const same = events.filter(({ id }, i) => there[expected + 1 + i]?.id === id).length;
      if (events.length === 0 || same < events.length) return wrong;
      return this.#stands(there[expected + events.length] as Recorded);
    } else if (expected > current) return wrong;
    return this.#write(stream, there, events);
  }

  #stands({ revision, position }: Recorded): Outcome {
    return { done: true, revision, position };
  }

  #write(stream: string, there: Recorded[], events: readonly Proposed[]): Outcome {
    for (const event of events) {
      const recorded: Recorded = { ...event, stream, revision: there.length, position: this.#end, created: Date.now() };
      there.push(recorded);
      this.records.push(recorded);
      this.#remembered.set(event.id, recorded);
      if (this.#remembered.size > REMEMBERED) for (const oldest of this.#remembered.keys()) if (this.#remembered.delete(oldest)) break;
      this.#end += 64 + stream.length + event.type.length + event.data.length + event.metadata.length;
    }
    if (events.length > 0) this.#streams.set(stream, there);
    for (const wake of [...this.#waiting]) wake();
    return { done: true, revision: there.length - 1, position: this.records.at(-1)?.position ?? 0 };
  }

  /** What a reader of the stream is given; undefined for one that does not exist, or of which nothing is left. */
  stream(name: string): readonly Recorded[] | undefined {
    const all = this.#streams.get(name);
    if (all === undefined) return undefined;
    const limits = this.#limits(name);
    const first = Math.max(limits.from, all.length - limits.count);
    return first >= all.length ? undefined : all.slice(first);
  }

  #limits(name: string): { readonly from: number; readonly count: number } {
    // A stream of metadata has itself only its newest event.
    if (name.startsWith("$$")) return { from: 0, count: 1 };
    const newest = this.#streams.get(`$$${name}`)?.at(-1);
    const metadata = newest === undefined ? {} : (JSON.parse(Buffer.from(newest.data).toString()) as { $maxCount?: number; $tb?: number });
    return { from: metadata.$tb ?? 0, count: metadata.$maxCount ?? Number.POSITIVE_INFINITY };
  }

  /** The index of the first record at the position or after it; undefined where the position is inside a record. */
  indexAt(position: number): number | undefined {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.records[middle] as Recorded).position < position) low = middle + 1;
      else high = middle;
    }
    if (low === this.records.length) return position === 0 || position >= this.#end || low === 0 ? low : undefined;
    return position === 0 || this.records[low]?.position === position ? low : undefined;
  }

  /** Calls `wake` at every growth until taken back. */
  onGrowth(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}
