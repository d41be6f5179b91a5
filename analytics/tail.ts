import type { Alert, Derived } from "../domain/event.ts";
import type { Log, Position, Stop } from "../domain/ports.ts";

/** An alert as it stands in the derived log. */
export type Logged = { readonly alert: Alert; readonly partition: number; readonly position: Position };
type Listener = (alerts: readonly Logged[], at: readonly Position[]) => void;

/**
 * One tail of the derived log for the whole process. Listeners are told what the log holds, never what the engine hopes,
 * in order within a partition, each batch with the position reached in every partition: that vector is a cursor. It moves on where there was no alert too.
 */
export type Tail = {
  subscribe(listener: Listener): { readonly at: readonly Position[]; stop(): void };
  /** Alerts in [from, to), in order within a partition: batch by batch as it is read, empty ones too, so that whoever reads can stop. */
  between(from: readonly Position[], to: readonly Position[]): AsyncIterable<readonly Logged[]>;
  /** Ends when stopped; rejects when the log cannot be read. */
  readonly done: Promise<void>;
};

const alertsOf = (partition: number, events: readonly Derived[], positions: readonly Position[]): Logged[] => {
  const out: Logged[] = [];
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as Derived;
    if (event.kind === "alert") out.push({ alert: event, partition, position: positions[i] as Position });
  }
  return out;
};

/** Starts at the log's end: what came before is history, to be asked of `between` or the warehouse. */
export const openTail = async (log: Log<Derived>, signal: Stop): Promise<Tail> => {
  const numbers = Array.from({ length: log.partitions }, (_, partition) => partition);
  const at = await Promise.all(numbers.map(async (partition) => (await log.bounds(partition)).end));
  const listeners = new Set<Listener>();
  const follow = async (partition: number): Promise<void> => {
    for await (const batch of log.read(partition, at[partition] as Position, { follow: true, signal })) {
      at[partition] = batch.next;
      const alerts = alertsOf(partition, batch.events, batch.positions);
      const now = [...at];
      for (const listener of listeners) listener(alerts, now);
    }
  };
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return { at: [...at], stop: () => listeners.delete(listener) };
    },
    between: async function* (from, to) {
      for (const partition of numbers) {
        const start = from[partition] as Position;
        const end = to[partition] as Position;
        if (start >= end) continue;
        for await (const batch of log.read(partition, start, { to: end })) yield alertsOf(partition, batch.events, batch.positions);
      }
    },
    done: Promise.all(numbers.map(follow)).then(() => undefined),
  };
};
