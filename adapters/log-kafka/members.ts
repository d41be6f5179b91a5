/** Working at the partitions a group gives this process: one work a partition at a time, until it is lost. */
import type { Release } from "../../domain/ports.ts";
import type { Parts } from "./parts.ts";
import type { Lost } from "./tenure.ts";

export const lostOnce = (): Lost => {
  let is = false;
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  const tell = (): void => {
    is = true;
    resolve();
  };
  return { promise, is: () => is, tell };
};

/** The works of one claim or share. One that throws is nobody's to catch before it is released: the rejection stays unhandled, which ends the process. */
export class Works {
  readonly #work: (partition: number, lost: Lost) => Promise<void>;
  readonly #at = new Map<number, { readonly lost: Lost; readonly done: Promise<void> }>();
  #ended = false;

  constructor(work: (partition: number, lost: Lost) => Promise<void>) {
    this.#work = work;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Begins when the work before at this partition has returned. */
  gained(partition: number): void {
    const before = this.#at.get(partition);
    if (this.#ended || (before !== undefined && !before.lost.is())) return;
    const lost = lostOnce();
    const done = (before?.done ?? Promise.resolve()).then(() => (lost.is() ? undefined : this.#work(partition, lost)));
    this.#at.set(partition, { lost, done });
  }

  lost(partition: number): void {
    this.#at.get(partition)?.lost.tell();
  }

  /** All are lost, and nothing is gained any more. */
  end(): void {
    this.#ended = true;
    for (const { lost } of this.#at.values()) lost.tell();
  }

  /** Throws what a work threw. */
  async returned(): Promise<void> {
    await Promise.all([...this.#at.values()].map(({ done }) => done));
  }
}

/** A membership whose partitions are told to one listener at a time. */
export class Membership {
  readonly #release: Promise<Release>;
  readonly #assigned = new Set<number>();
  #works: Works | undefined;

  constructor({ client, topics }: Parts, group: string) {
    this.#release = client.join(group, topics.facts, {
      gained: (partition) => {
        this.#assigned.add(partition);
        this.#works?.gained(partition);
      },
      lost: (partition) => {
        this.#assigned.delete(partition);
        this.#works?.lost(partition);
      },
    });
    this.#release.catch(() => undefined); // Told to who waits for it to be joined.
  }

  async joined(): Promise<void> {
    await this.#release;
  }

  /** From now on these are told, of what there is already first. */
  tell(works: Works): void {
    this.#works = works;
    for (const partition of this.#assigned) works.gained(partition);
  }

  /** Nobody is told any more. */
  async leave(): Promise<void> {
    this.#works = undefined;
    const release = await this.#release.catch(() => undefined);
    await release?.();
  }
}
