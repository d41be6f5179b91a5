import { Subject } from "rxjs";
import type { RuleType } from "../domain/camera.ts";
import { keyText } from "../domain/envelope.ts";
import type { Derived, Fact } from "../domain/event.ts";
import {
  AdapterError,
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
import { createMemory, type Memory, saveTouched, stoppedCameras } from "./memory.ts";
import { restore } from "./restore.ts";

export type DriveOptions = { readonly checkpointMs: number; readonly checkpointFrames: number };
export type DriveParts = {
  readonly logs: Logs;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly journal: Journal;
  readonly watch: Watch;
};

/** What a driven partition tells of itself: the committed position, whether what stood in the log at the start is done, cameras stopped by a defect. */
export type Driven = { position: Position; caughtUp: boolean; stopped: readonly string[] };

/** Milliseconds between looks at what waits for time to pass: heartbeats, checkpoints of an idle partition, bases. */
const TICK_MS = 250;

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
 * them when a checkpoint is due. Returns when the partition is lost; throws what the ports throw.
 */
export const drive = async (parts: DriveParts, options: DriveOptions, owned: Owned, driven: Driven): Promise<void> => {
  const run: Run = { parts, options, owned, driven, memory: createMemory() };
  const facts = new Subject<Fact>();
  let out: Derived[] = [];
  const subscription = facts.pipe(engine(run.memory, parts.watch)).subscribe((event) => out.push(event));
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

  const { next: happened, pull } = firstOf(logs.facts.read(owned.partition, driven.position, { follow: true, signal: ending.signal }), () =>
    clock.sleep(TICK_MS, ending.signal),
  );
  try {
    for (;;) {
      const batch = await happened();
      if (batch === "ended" || (batch === "ticked" && ending.signal.aborted)) break;
      if (batch === "ticked") {
        if (checkpointDue()) await commit([], driven.position, true);
        // Before the backlog is done, what seems silent may have spoken long since.
        const beats = driven.caughtUp ? heartbeats(clock.now()) : [];
        if (beats.length > 0) await logs.facts.append(beats);
        await writeBases(driven.position, clock.now());
      } else {
        const work = step(batch.events);
        framesSince += batch.events.length;
        await commit(work, batch.next, checkpointDue());
        pull();
      }
    }
  } finally {
    // Where a port threw, a feed that went on waiting would be left behind at every new try.
    ending.stop();
  }
  if (framesSince > 0) await lastCheckpoint(commit, run);
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
    if (event.kind === "crossing") crossings.set(tenant, (crossings.get(tenant) ?? 0) + 1);
    if (event.kind !== "alert" || event.revision > 0) continue;
    const key = keyText(tenant, event.ruleType);
    const known = alerts.get(key);
    if (known === undefined) alerts.set(key, { tenant, rule_type: event.ruleType, n: 1 });
    else known.n++;
  }
  for (const { n, ...labels } of alerts.values()) meter.count("tallywire_alerts_total", n, labels);
  for (const [tenant, n] of crossings) meter.count("tallywire_crossings_total", n, { tenant });
};
