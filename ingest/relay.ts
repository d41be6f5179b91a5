/**
 * Decisions into the facts log: every event of a camera's stream becomes a Definition in the camera's partition, in order and
 * at least once; engines ignore a revision they have. Its bookmark in the store is moved after the append, never before.
 */
import type { CameraEvent } from "../domain/camera.ts";
import type { CameraKey } from "../domain/envelope.ts";
import type { Definition, Fact } from "../domain/event.ts";
import {
  AdapterError,
  type Clock,
  type Decided,
  type EventStore,
  type Journal,
  type Log,
  type Position,
  type Revision,
  type Stop,
  type StoreBatch,
} from "../domain/ports.ts";
import { cameraOfStream } from "../domain/streams.ts";

export type Relay = {
  /** Copies until the signal. Waits and goes on after what may pass; throws what does not, and with it everyone who waits. */
  run(signal: Stop): Promise<void>;
  /**
   * Resolves when the camera's stream has been copied up to the revision, with a position not before that definition's.
   * Throws AdapterError `timeout` when that takes too long, `closed` when the relay has ended.
   */
  passed(stream: string, revision: Revision): Promise<Position>;
  /** Resolves when the relay has seen the stream up to the revision. Throws as `passed` does. */
  heard(stream: string, revision: Revision): Promise<void>;
  /** How many events of the stream the relay has seen: a fold with fewer is stale. */
  revision(stream: string): Revision;
};

type World = {
  readonly store: EventStore;
  readonly facts: Log<Fact>;
  readonly clock: Clock;
  readonly journal: Journal;
  /** Told of every decision, in the order in which they were made; after an interruption of some again. */
  readonly tell?: (event: Decided) => void;
  /** Milliseconds someone waits for the relay. */
  readonly patienceMs?: number;
};

/** Names the bookmark: how far decisions have been copied into this log. Another log has none of them. */
export const bookmarkFor = ({ epoch }: Pick<Log<Fact>, "epoch">): string => `relay-${epoch}`;
const PATIENCE_MS = 10_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5000;

/** Up to where a stream is copied. `at` is unknown for what an earlier run copied. */
type Passed = { readonly revision: Revision; readonly at: Position | undefined };
type Waiting = { readonly revision: Revision; readonly resolve: () => void; readonly reject: (error: AdapterError) => void };

export const createRelay = ({ store, facts, clock, journal, tell = () => undefined, patienceMs = PATIENCE_MS }: World): Relay => {
  const streams = new Map<string, Passed>();
  const waiting = new Map<string, Set<Waiting>>();
  let ended: AdapterError | undefined;

  const note = (stream: string, revision: Revision, at: Position | undefined): void => {
    const known = streams.get(stream);
    if (known !== undefined && known.revision > revision) return;
    streams.set(stream, { revision, at: at ?? known?.at });
    for (const one of waiting.get(stream) ?? []) if (one.revision <= revision) one.resolve();
  };

  const hear = (event: Decided, at: Position | undefined): void => {
    tell(event);
    note(event.stream, event.revision, at);
  };

  const copy = async (batch: StoreBatch): Promise<void> => {
    const definitions = new Map<Decided, Definition>();
    for (const event of batch.events) {
      const key = cameraOfStream(event.stream);
      if (key !== undefined) definitions.set(event, definitionOf(key, event, clock.now()));
    }
    const positions = definitions.size === 0 ? [] : await facts.append([...definitions.values()]);
    await store.setBookmark(bookmarkFor(facts), batch.next);
    const at = new Map([...definitions.keys()].map((event, i) => [event, positions[i]]));
    for (const event of batch.events) hear(event, at.get(event));
  };

  /** From the beginning, since only so it knows how far each stream had come: decisions are few. */
  const follow = async (signal: Stop): Promise<void> => {
    const copied = await store.bookmark(bookmarkFor(facts));
    for await (const batch of store.follow(0, signal)) {
      if (batch.next > copied) await copy(batch);
      else for (const event of batch.events) hear(event, undefined);
    }
  };

  const run = async (signal: Stop): Promise<void> => {
    ended = undefined;
    let pause = FIRST_PAUSE_MS;
    try {
      while (!signal.aborted) {
        const started = clock.now();
        try {
          await follow(signal);
        } catch (error) {
          if (signal.aborted) return;
          if (!(error instanceof AdapterError && (error.retryable || error.code === "full"))) throw error;
          journal.warn({ err: error, pause }, "the relay waits: a decision could not be copied");
        }
        if (clock.now() - started > LONGEST_PAUSE_MS) pause = FIRST_PAUSE_MS;
        await clock.sleep(pause, signal);
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      }
    } finally {
      ended = new AdapterError("closed", "The relay has ended.", { retryable: false });
      for (const group of waiting.values()) for (const one of group) one.reject(ended);
    }
  };

  const wait = async (stream: string, revision: Revision): Promise<void> => {
    if ((streams.get(stream)?.revision ?? 0) >= revision) return;
    if (ended !== undefined) throw ended;
    const group = waiting.get(stream) ?? new Set();
    waiting.set(stream, group);
    const done = new AbortController();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const one: Waiting = { revision, resolve, reject };
    group.add(one);
    const late = async (): Promise<void> => {
      await clock.sleep(patienceMs, done.signal);
      if (!done.signal.aborted)
        reject(new AdapterError("timeout", "The decision is stored, but not yet in the facts log.", { retryable: true }));
    };
    try {
      await Promise.race([promise, late().then(() => promise)]);
    } finally {
      done.abort();
      group.delete(one);
      if (group.size === 0) waiting.delete(stream);
    }
  };

  /** Copied before this run, no one knows where: copying it once more gives a position, and engines have the revision. */
  const again = async (key: CameraKey, stream: string, revision: Revision): Promise<Position> => {
    const event = (await store.read(stream)).find((one) => one.revision === revision);
    if (event === undefined) throw new Error(`${stream} has no revision ${revision}`);
    const [position] = await facts.append([definitionOf(key, event, clock.now())]);
    note(stream, revision, position);
    return position as Position;
  };

  const passed = async (stream: string, revision: Revision): Promise<Position> => {
    const key = cameraOfStream(stream);
    if (key === undefined) throw new Error(`${stream} is no camera's stream`);
    await wait(stream, revision);
    const at = streams.get(stream)?.at;
    if (at !== undefined) return at;
    return again(key, stream, revision);
  };

  return { run, passed, heard: wait, revision: (stream) => streams.get(stream)?.revision ?? 0 };
};

/** What the store holds are the decider's own events, as JSON: it wrote them. */
const definitionOf = ({ tenant, camera }: CameraKey, event: Decided, receivedAt: number): Definition => ({
  kind: "definition",
  tenant,
  camera,
  receivedAt,
  revision: event.revision,
  decision: withoutUrl(decisionOf(event)),
});

/** Where a camera's pictures come from is nothing to rules, and what is secret stays in one place. */
const withoutUrl = (decision: CameraEvent): CameraEvent =>
  decision.type === "camera-registered" || decision.type === "camera-described"
    ? { ...decision, description: { ...decision.description, url: undefined } }
    : decision;

/** JSON drops fields that are undefined; the fold and the engine read them as undefined all the same. */
const decisionOf = (event: Pick<Decided, "data">): CameraEvent => event.data as unknown as CameraEvent;
