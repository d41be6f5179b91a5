/** Who may commit to which partition, within the one process that owns an embedded log. The newest claim has them all. */
import type { Derived } from "../domain/event.ts";
import { AdapterError, type Owned, type Position, type Release, type Saved, type Share } from "../domain/ports.ts";

export type Work = { readonly out: readonly Derived[]; readonly next: Position; readonly checkpoint?: readonly Saved[] };
export type Committer = {
  restore(partition: number): ReturnType<Owned["restore"]>;
  /** `allowed` is asked when the transaction is made and throws `fenced`: a commit that waited behind a new claim must not go in. */
  commit(partition: number, work: Work, allowed: () => void): Promise<void>;
};

type Holding = { readonly owned: Owned; fence(): void; letGo(): void; returned: Promise<void> };

/** For who shares partitions and commits nothing. */
const nothingToCommit: Committer = {
  restore: () => Promise.reject(new Error("who shares a partition restores nothing")),
  commit: () => Promise.reject(new Error("who shares a partition commits nothing")),
};

export class Ownership {
  readonly #partitions: number;
  readonly #committer: Committer;
  readonly #held = new Map<number, Holding>();

  constructor(partitions: number, committer: Committer) {
    this.#partitions = partitions;
    this.#committer = committer;
  }

  /**
   * Calls `own` for every partition; who held one before is fenced first. Releasing resolves `lost`, lets `own` commit what it
   * still has, waits for it to return, and throws what it threw. An `own` that throws before is nobody's to catch here: the
   * rejection stays unhandled, which ends the process.
   */
  claim(own: (owned: Owned) => Promise<void>): Release {
    const mine: [number, Holding][] = [];
    for (let partition = 0; partition < this.#partitions; partition++) {
      this.#held.get(partition)?.fence();
      const holding = this.#hold(partition);
      this.#held.set(partition, holding);
      mine.push([partition, holding]);
    }
    for (const [, holding] of mine) holding.returned = Promise.resolve(holding.owned).then(own);
    return async () => {
      for (const [, holding] of mine) holding.letGo();
      try {
        await Promise.all(mine.map(([, holding]) => holding.returned));
      } finally {
        for (const [partition, holding] of mine) {
          holding.fence();
          if (this.#held.get(partition) === holding) this.#held.delete(partition);
        }
      }
    };
  }

  /** On closing: nobody owns anything any more. */
  fenceAll(): void {
    for (const holding of this.#held.values()) holding.fence();
    this.#held.clear();
  }

  #hold(partition: number): Holding {
    let fenced = false;
    let letGo = (): void => {};
    const lost = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const allowed = (): void => {
      if (fenced) throw new AdapterError("fenced", `Partition ${partition} was taken by another owner.`, { retryable: false });
    };
    const owned: Owned = {
      partition,
      lost,
      restore: () => this.#committer.restore(partition),
      commit: (work) => this.#committer.commit(partition, work, allowed),
    };
    const fence = (): void => {
      fenced = true;
      letGo();
    };
    return { owned, fence, letGo, returned: Promise.resolve() };
  }
}

/** The shares of an embedded log, by name: the newest of a name has all partitions. */
export class Shares {
  readonly #partitions: number;
  readonly #byName = new Map<string, Ownership>();

  constructor(partitions: number) {
    this.#partitions = partitions;
  }

  share(name: string, work: (share: Share) => Promise<void>): Release {
    const ownership = this.#byName.get(name) ?? new Ownership(this.#partitions, nothingToCommit);
    this.#byName.set(name, ownership);
    return ownership.claim(({ partition, lost }) => work({ partition, lost }));
  }

  /** On closing. */
  loseAll(): void {
    for (const ownership of this.#byName.values()) ownership.fenceAll();
  }
}
