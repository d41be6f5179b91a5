/** Frames as senders write them, and the door they are sent to. */
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import type { Fact } from "../../domain/event.ts";
import { limits as defaults, type Limits } from "../../domain/limits.ts";
import type { Clock, Journal, Log, Logs, Meter } from "../../domain/ports.ts";
import { createReceiver, type Receiver } from "../../ingest/receive.ts";
import { type Incoming, isNotReceived, type NotReceived, type Received } from "../../ingest/received.ts";

export const NOW = Date.UTC(2026, 0, 1, 12, 0, 0);

export const box = { leftX: 10, topY: 20, rightX: 30, bottomY: 60 };
export const object = (over: object = {}): object => ({ id: "1", type: "Person", bbox: box, confidence: 0.9, ...over });
/** The native shape, one second before `NOW`. */
export const frame = (over: object = {}): object => ({
  sensorId: "cam-1",
  timestamp: "2026-01-01T11:59:59.000Z",
  id: "f1",
  objects: [object()],
  ...over,
});

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const json = (value: unknown): Incoming => ({
  contentType: "application/json",
  encoding: undefined,
  body: bytes(typeof value === "string" ? value : JSON.stringify(value)),
});
/** Texts stay as they are. */
export const ndjson = (...lines: readonly unknown[]): Incoming => ({
  contentType: "application/x-ndjson",
  encoding: undefined,
  body: bytes(lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n")),
});

export const received = (answer: Received | NotReceived): Received => {
  if (isNotReceived(answer)) throw new Error(`${answer.problem}: ${answer.detail}`);
  return answer;
};
export const refused = (answer: Received | NotReceived | ReadonlyMap<number, number>): NotReceived => {
  if (!isNotReceived(answer)) throw new Error("it was received");
  return answer;
};

export const silent: Journal = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, fatal: () => {} };

/** Sums of what was counted, under `name` or `name{label}`. */
export const counting = (): { readonly meter: Meter; readonly counts: Map<string, number> } => {
  const counts = new Map<string, number>();
  const count: Meter["count"] = (name, n = 1, labels = {}) => {
    const key = [name, ...Object.values(labels)].join(" ");
    counts.set(key, (counts.get(key) ?? 0) + n);
  };
  return { counts, meter: { count, set: () => {}, observe: (name) => count(name as never) } };
};

export const clockAt = (now: number): Clock => ({ now: () => now, sleep: () => Promise.resolve() });

export type Door = {
  readonly receiver: Receiver;
  readonly logs: Logs;
  readonly counts: ReadonlyMap<string, number>;
  readonly send: (incoming: Incoming) => Promise<Received | NotReceived>;
  /** Every fact of the log, partition after partition. */
  readonly facts: () => Promise<Fact[]>;
};

/** A door before a log in memory. `between` stands between the two. */
export const openDoor = (
  options: { readonly limits?: Partial<Limits>; readonly now?: number; readonly between?: (log: Log<Fact>) => Log<Fact> } = {},
): Door => {
  const logs = openMemoryLogs({ partitions: 4 });
  const { meter, counts } = counting();
  const facts = options.between?.(logs.facts) ?? logs.facts;
  const clock = clockAt(options.now ?? NOW);
  const receiver = createReceiver({ facts, limits: { ...defaults, ...options.limits }, clock, meter, journal: silent });
  return { receiver, logs, counts, send: (incoming) => receiver.receive("t1", incoming), facts: () => factsOf(logs.facts) };
};

export const factsOf = async (log: Log<Fact>): Promise<Fact[]> => {
  const all: Fact[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    for await (const batch of log.read(partition, "start")) all.push(...batch.events);
  }
  return all;
};
