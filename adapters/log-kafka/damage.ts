/** Damaged records: where they are said to be, and passing over those an operator has named. */
import { AdapterError, type Journal } from "../../domain/ports.ts";
import type { KafkaRecord, Unreadable } from "../kafka/client.ts";
import { Damaged } from "../seal.ts";
import type { Topics } from "./topics.ts";

/** `facts/2/1077`: a topic of the log, its partition, the offset. */
const NAME = /^(facts|derived|progress|memory|bases)\/(\d+)\/(\d+)$/;

/** Nothing is changed in Kafka: a record is passed over by who was told to, and only while it is damaged. */
export class Damage {
  readonly #topics: Topics;
  readonly #journal: Journal;
  readonly #passed: ReadonlySet<string>;
  readonly #said = new Set<string>();

  /** Throws AdapterError `bad-query` for a name that no record of such a log can have. */
  constructor(topics: Topics, partitions: number, names: readonly string[], journal: Journal) {
    for (const name of names) {
      const [, , partition] = NAME.exec(name) ?? [];
      if (partition === undefined || Number(partition) >= partitions)
        throw new AdapterError("bad-query", `TALLYWIRE_SKIP_CORRUPT: "${name}" names no record of this log.`, { retryable: false });
    }
    this.#topics = topics;
    this.#journal = journal;
    this.#passed = new Set(names);
  }

  /** What `read` makes of a record; `instead` where it is damaged and was named. Throws AdapterError that says where: `corrupt`, or the one of `read`. */
  read<T, U>(log: keyof Topics, partition: number, record: KafkaRecord, read: () => T, instead: U): T | U {
    try {
      return read();
    } catch (cause) {
      const name = `${log}/${partition}/${record.offset}`;
      if (cause instanceof AdapterError)
        throw new AdapterError(cause.code, `${name}: ${cause.message}`, { retryable: cause.retryable, cause });
      if (!(cause instanceof Damaged)) throw cause;
      if (!this.#passed.has(name)) {
        const message =
          `Record ${name} is corrupt: ${cause.message}. ${this.#place(log, partition, record.offset)} ` +
          `Copy it first if it can still be of use; then start every process with TALLYWIRE_SKIP_CORRUPT naming "${name}": ` +
          "the record is passed over and reading goes on behind it.";
        throw new AdapterError("corrupt", message, { retryable: false, cause });
      }
      this.#say(name, { damage: cause.message }, "a corrupt record is passed over, as told");
      return instead;
    }
  }

  /** Returns where the batch was named by its first offset. Throws AdapterError `corrupt` that says where. */
  pass(topic: string, partition: number, batch: Unreadable): void {
    const { offset, next, damage } = batch;
    const log = (Object.keys(this.#topics) as (keyof Topics)[]).find((name) => this.#topics[name] === topic) as keyof Topics;
    const name = `${log}/${partition}/${offset}`;
    if (!this.#passed.has(name)) {
      const message =
        `Record ${name} is corrupt, with all of its batch, up to offset ${next - 1}: ${damage}. ${this.#place(log, partition, offset)} ` +
        "Have a replica that is sound lead the partition, if there is one. Otherwise start every process with TALLYWIRE_SKIP_CORRUPT naming " +
        `"${name}": the whole batch is passed over and reading goes on behind it.`;
      throw new AdapterError("corrupt", message, { retryable: false });
    }
    this.#say(name, { damage, offsets: next - offset }, "a corrupt batch is passed over, as told");
  }

  #place(log: keyof Topics, partition: number, offset: number): string {
    return `It stands in the topic ${this.#topics[log]}, partition ${partition}, at offset ${offset}.`;
  }

  #say(name: string, details: object, message: string): void {
    if (this.#said.has(name)) return;
    this.#said.add(name);
    this.#journal.warn({ record: name, ...details }, message);
  }
}
