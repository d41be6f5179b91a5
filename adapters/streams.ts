/** What every event store must do alike: expected revisions, repeats by id, and following the streams in the order of commitment. */
import {
  AdapterError,
  type Decided,
  type Decision,
  type Expected,
  type Position,
  type Revision,
  type Stop,
  type StoreBatch,
} from "../domain/ports.ts";
import { type Growth, pulling } from "./feed.ts";

/**
 * The revision to answer when these events already stand in the stream, one after the other; undefined when they are to be
 * appended. The revision of a repeat is that of its last event, whatever came after. Throws AdapterError `wrong-revision`, and
 * `bad-query` for an id given twice.
 */
export const revisionOfRepeat = (
  stream: string,
  expected: Expected,
  events: readonly Decision[],
  current: Revision,
  revisionOf: (id: string) => Revision | undefined,
): Revision | undefined => {
  if (new Set(events.map(({ id }) => id)).size < events.length) {
    throw new AdapterError("bad-query", `Events for ${stream} have one id twice.`, { retryable: false });
  }
  const stand = events.map(({ id }) => revisionOf(id));
  const [first] = stand;
  if (first !== undefined && stand.every((revision, i) => revision === first + i)) return first + events.length - 1;
  const fresh = stand.every((revision) => revision === undefined);
  if (!fresh || (expected !== "any" && expected !== current)) throw elsewhere(stream, expected, current);
  return events.length === 0 ? current : undefined;
};

const elsewhere = (stream: string, expected: Expected, current: Revision): AdapterError =>
  new AdapterError(
    "wrong-revision",
    `${stream} is at revision ${current}; ${expected} was expected, or only some of these events stand there.`,
    {
      retryable: false,
    },
  );

export type Committed = {
  readonly growth: Growth;
  /** The position after the newest event; positions count events from 0. */
  end(): Position;
  /** At least one event. */
  batch(from: Position, to: Position): readonly Decided[];
};

/** Ends when the signal is aborted, when it is returned, and when the store is closed. */
export const followStore = (store: Committed, from: Position, signal?: Stop): AsyncIterable<StoreBatch> => ({
  [Symbol.asyncIterator]: () => {
    let at = from;
    return pulling(store.growth, signal, () => {
      if (at >= store.end()) return "wait";
      const events = store.batch(at, store.end());
      at += events.length;
      return { events, next: at };
    });
  },
});
