import { Subject } from "rxjs";
import type { RuleType } from "../domain/camera.ts";
import { keyText } from "../domain/envelope.ts";
import type { Derived, Fact, Recompute } from "../domain/event.ts";
import {
  AdapterError,
  type Archive,
  type Batch,
  type Clock,
  type Feed,
  type Journal,
  type Logs,
  type Meter,
  type Owned,
  type Position,
} from "../domain/ports.ts";
import { createStop } from "../domain/stop.ts";
import { createBaseWriter } from "./bases.ts";
import { engine, type Watch } from "./engine.ts";
import { createHeartbeats } from "./heartbeats.ts";
import { asTold, createMemory, type Memory, saveTouched, stoppedCameras } from "./memory.ts";
import { createRecomputing, type Recomputing } from "./recomputing.ts";
import { restore } from "./restore.ts";

export type DriveOptions = { readonly checkpointMs: number; readonly checkpointFrames: number };
/** `archive` and `createPause` are for recomputations; without pauses of their own they rest after each slice of work. */
export type DriveParts = {
  readonly logs: Logs;
  readonly archive?: Archive | undefined;
  readonly createPause?: (() => () => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly journal: Journal;
  readonly watch: Watch;
};

/** What a driven partition tells of itself: the committed position, whether what stood in the log at the start is done, cameras stopped by a defect. */
export type Driven = { position: Position; caughtUp: boolean; stopped: readonly string[] };

/** Milliseconds between looks at what waits for time to pass: heartbeats, checkpoints of an idle partition, bases. */
const TICK_MS = 250;
/** Milliseconds a recomputation rests after a slice of work. */
const REST_MS = 10;

type Run = {
  readonly parts: DriveParts;
  readonly options: DriveOptions;
  readonly owned: Owned;
  readonly driven: Driven;
  readonly memory: Memory;
};

/**
 * One owned partition over the ports: restores the memory, steps again from the checkpoint to the committed position with the
 * output discarded, then follows the facts. Derived events and the position are committed together, always; the memory with
 * them when a checkpoint is due, and at once where a recomputation is asked for or done: that is derived beside it (recomputing.ts), and
 * what it has to tell is committed here. Returns when the partition is lost; throws what the ports throw.
 */
export const drive = async (parts: DriveParts, options: DriveOptions, owned: Owned, driven: Driven): Promise<void> => {
  const run: Run = { parts, options, owned, driven, memory: createMemory() };
  const facts = new Subject<Fact>();
  let out: Derived[] = [];
  const subscription = facts.pipe(engine(run.memory, parts.watch)).subscribe((event) => {
    const told = asTold(run.memory, event);
    if (told !== undefined) out.push(told);
  });
  const step = (events: readonly Fact[]): readonly Derived[] => {
    out = [];
    for (const fact of events) facts.next(fact);
    return out;
  };
  try {
    driven.position = await restore(parts.logs, owned, run.memory, step, parts.clock.now());
    await follow(run, step);
  } finally {
    subscription.unsubscribe();
  }
};

const follow = async (run: Run, step: (events: readonly Fact[]) => readonly Derived[]): Promise<void> => {
  const { parts, options, owned, driven, memory } = run;
  const { clock, logs } = parts;
  const writeBases = createBaseWriter(logs, memory, owned.partition);
  const heartbeats = createHeartbeats(memory);
  const ending = createStop();
  void owned.lost.then(ending.stop);
  const { archive, journal, createPause = () => () => clock.sleep(REST_MS, ending.signal) } = parts;
  const recomputing = createRecomputing({ logs, archive, clock, journal, createPause, stop: ending.signal }, memory, owned.partition);
  const backlog = (await logs.facts.bounds(owned.partition)).end;
  driven.caughtUp = driven.position >= backlog;
  let framesSince = 0;
  let savedAt = clock.now();

  const commit = async (work: readonly Derived[], next: Position, checkpoint: boolean): Promise<void> => {
    await owned.commit(checkpoint ? { out: work, next, checkpoint: saveTouched(memory) } : { out: work, next });
    if (checkpoint) {
      framesSince = 0;
      savedAt = clock.now();
    }
    driven.position = next;
    driven.caughtUp ||= next >= backlog;
    driven.stopped = stoppedCameras(memory);
    tell(parts.meter, work);
  };
  const checkpointDue = (): boolean =>
    framesSince >= options.checkpointFrames || (framesSince > 0 && clock.now() - savedAt >= options.checkpointMs);

  await recompute(recomputing, () => commit([], driven.position, true));
  const { next: happened, pull } = firstOf(logs.facts.read(owned.partition, driven.position, { follow: true, signal: ending.signal }), () =>
    clock.sleep(TICK_MS, ending.signal),
  );
  try {
    for (;;) {
      const batch = await happened();
      if (batch === "ended" || (batch === "ticked" && ending.signal.aborted)) break;
      const recomputed = await recomputing.take();
      if (recomputed !== undefined) {
        await commit(recomputed, driven.position, true);
        recomputing.begin();
      }
      if (batch === "ticked") {
        if (checkpointDue()) await commit([], driven.position, true);
        // Before the backlog is done, what seems silent may have spoken long since.
        const beats = driven.caughtUp ? heartbeats(clock.now()) : [];
        if (beats.length > 0) await logs.facts.append(beats);
        await writeBases(driven.position, clock.now());
      } else {
        for (const { events, next, asked } of cut(batch)) {
          const work = step(events);
          framesSince += events.length;
          if (asked !== undefined) recomputing.meet(asked.fact, asked.position);
          await commit(work, next, asked !== undefined || checkpointDue());
          if (asked !== undefined) await recompute(recomputing, () => commit([], next, true));
        }
        pull();
      }
    }
  } finally {
    // Where a port threw, a feed that went on waiting would be left behind at every new try.
    ending.stop();
    await recomputing.ended();
  }
  if (framesSince > 0) await lastCheckpoint(commit, run);
};

/** What the derived log has by now belongs to those asked for: durable before anything else is told. */
const recompute = async (recomputing: Recomputing, checkpoint: () => Promise<void>): Promise<void> => {
  if (await recomputing.settle()) await checkpoint();
  recomputing.begin();
};

type Part = {
  readonly events: readonly Fact[];
  readonly next: Position;
  /** The last of these. */
  readonly asked?: { readonly fact: Recompute; readonly position: Position };
};

/** A batch in parts: one ends with each recomputation that is asked for. */
const cut = ({ events, positions, next }: Batch<Fact>): readonly Part[] => {
  const parts: Part[] = [];
  let from = 0;
  for (let i = 0; i < events.length; i++) {
    const fact = events[i] as Fact;
    if (fact.kind !== "recompute") continue;
    const position = positions[i] as Position;
    const isLast = i === events.length - 1;
    parts.push({ events: events.slice(from, i + 1), next: isLast ? next : position + 1, asked: { fact, position } });
    from = i + 1;
  }
  if (from === 0) return [{ events, next }];
  return from === events.length ? parts : [...parts, { events: events.slice(from), next }];
};

/**
 * The next batch or the next tick, whichever comes first. One reaction a promise: racing the same waiting promise again at
 * every tick would keep a reaction for each, for as long as a partition is idle.
 */
const firstOf = (feed: Feed<Fact>, sleep: () => Promise<void>) => {
  const batches = feed[Symbol.asyncIterator]();
  let batch: Batch<Fact> | "ended" | undefined;
  let ticked = false;
  let failure: { readonly error: unknown } | undefined;
  let wake = (): void => undefined;
  const failed = (error: unknown): void => {
    failure = { error };
    wake();
  };
  const pull = (): void => {
    batch = undefined;
    batches.next().then((result) => {
      batch = result.done === true ? "ended" : result.value;
      wake();
    }, failed);
  };
  const tick = (): void => {
    ticked = false;
    sleep().then(() => {
      ticked = true;
      wake();
    }, failed);
  };
  pull();
  tick();
  return {
    pull,
    next: async (): Promise<Batch<Fact> | "ended" | "ticked"> => {
      for (;;) {
        if (failure !== undefined) throw failure.error;
        if (ticked) {
          tick();
          return "ticked";
        }
        if (batch !== undefined) return batch;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
};

/** On release. An owner that was fenced meanwhile may not write: the next one steps again from the checkpoint before. */
const lastCheckpoint = async (
  commit: (work: readonly Derived[], next: Position, checkpoint: boolean) => Promise<void>,
  run: Run,
): Promise<void> => {
  try {
    await commit([], run.driven.position, true);
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    run.parts.journal.warn({ partition: run.owned.partition, error: String(error) }, "released without a last checkpoint");
  }
};

/** Once for each tenant and type of a batch: telling the meter of each would cost more than to find it. */
const tell = (meter: Meter, work: readonly Derived[]): void => {
  const alerts = new Map<string, { readonly tenant: string; readonly rule_type: RuleType; n: number }>();
  const crossings = new Map<string, number>();
  for (const event of work) {
    const { tenant } = event;
    if (event.kind === "crossing" && event.correction === undefined) crossings.set(tenant, (crossings.get(tenant) ?? 0) + 1);
    if (event.kind !== "alert" || event.revision > 0) continue;
    const key = keyText(tenant, event.ruleType);
    const known = alerts.get(key);
    if (known === undefined) alerts.set(key, { tenant, rule_type: event.ruleType, n: 1 });
    else known.n++;
  }
  for (const { n, ...labels } of alerts.values()) meter.count("tallywire_alerts_total", n, labels);
  for (const [tenant, n] of crossings) meter.count("tallywire_crossings_total", n, { tenant });
};
