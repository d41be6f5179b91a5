/** What every part of the log in Kafka is given. */
import type { Journal } from "../../domain/ports.ts";
import type { KafkaClient } from "../kafka/client.ts";
import type { Damage } from "./damage.ts";
import type { Readers } from "./readers.ts";
import type { Topics } from "./topics.ts";

/** Told once, when the log is closed. */
export class Closing {
  readonly #waiting = new Set<() => void>();
  #over = false;

  get over(): boolean {
    return this.#over;
  }

  /** Calls `end` then, at once if it is closed; the answer takes that back. */
  readonly onClose = (end: () => void): (() => void) => {
    if (this.#over) {
      end();
      return () => undefined;
    }
    this.#waiting.add(end);
    return () => this.#waiting.delete(end);
  };

  end(): void {
    this.#over = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const end of waiting) end();
  }
}

export type Parts = {
  readonly client: KafkaClient;
  readonly prefix: string;
  readonly topics: Topics;
  readonly partitions: number;
  readonly readers: Readers;
  readonly damage: Damage;
  readonly journal: Journal;
  readonly closing: Closing;
};
