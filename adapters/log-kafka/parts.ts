/** What every part of the log in Kafka is given. */
import type { Journal, Stop } from "../../domain/ports.ts";
import type { KafkaClient } from "../kafka/client.ts";
import type { Damage } from "./damage.ts";
import type { Readers } from "./readers.ts";
import type { Topics } from "./topics.ts";

export type Parts = {
  readonly client: KafkaClient;
  readonly prefix: string;
  readonly topics: Topics;
  readonly partitions: number;
  readonly readers: Readers;
  readonly damage: Damage;
  readonly journal: Journal;
  /** Told once, when the log is closed. */
  readonly closing: Stop;
};
