/** Streams of decisions in memory: the reference for the suite. Nothing outlives the process. */
import {
  AdapterError,
  type Decided,
  type Decision,
  type EventStore,
  type Expected,
  type Position,
  type Revision,
} from "../domain/ports.ts";
import { Growth } from "./feed.ts";
import { followStore, revisionOfRepeat } from "./streams.ts";

const PER_BATCH = 1000;

export const openMemoryStore = (): EventStore => {
  const all: Decided[] = [];
  const streams = new Map<string, Decided[]>();
  const revisions = new Map<string, Map<string, Revision>>();
  const bookmarks = new Map<string, Position>();
  const growth = new Growth();
  const open = (): void => {
    if (growth.ended) throw new AdapterError("closed", "The store is closed.", { retryable: false });
  };
  return {
    append: async (stream: string, expected: Expected, events: readonly Decision[]) => {
      open();
      const decided = streams.get(stream) ?? [];
      const known = revisions.get(stream) ?? new Map<string, Revision>();
      const repeat = revisionOfRepeat(stream, expected, events, decided.length, (id) => known.get(id));
      if (repeat !== undefined) return repeat;
      for (const event of events) {
        const { id, type, data, at, by } = structuredClone(event);
        const next: Decided = { id, type, data, at, stream, revision: decided.length + 1, ...(by === undefined ? {} : { by }) };
        known.set(next.id, decided.push(next));
        all.push(next);
      }
      streams.set(stream, decided);
      revisions.set(stream, known);
      growth.grown();
      return decided.length;
    },
    read: async (stream, after = 0, most = Number.POSITIVE_INFINITY) =>
      structuredClone((streams.get(stream) ?? []).slice(after, after + most)),
    head: async (stream) => streams.get(stream)?.length ?? 0,
    follow: (from, signal) =>
      followStore(
        {
          growth,
          end: () => all.length,
          batch: (at, to) => structuredClone(all.slice(at, Math.min(to, at + PER_BATCH))),
        },
        from,
        signal,
      ),
    bookmark: async (name) => bookmarks.get(name) ?? 0,
    setBookmark: async (name, at) => {
      open();
      bookmarks.set(name, at);
    },
    close: async () => growth.end(),
  };
};
