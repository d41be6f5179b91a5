/** What the laws have in common: the engine at work on a list of facts, and a tally of what there was to say. */
import { from, lastValueFrom, toArray } from "rxjs";
import { derive, engine } from "../../analytics/engine.ts";
import { createMemory, type Memory, restoreMemory, saveTouched } from "../../analytics/memory.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Saved } from "../../domain/ports.ts";

/** Few by default: the suite runs on a shared machine. `LAWS_RUNS=2000` before a release. `LAWS_SEED` repeats a failure. */
const runs = Number(process.env.LAWS_RUNS ?? 150);
const seed = process.env.LAWS_SEED === undefined ? 20_260_103 : Number(process.env.LAWS_SEED);
export const thorough = (share = 1) => ({ numRuns: Math.max(1, Math.round(runs * share)), seed });

/** Milliseconds a law may take: more where more runs are asked for. */
export const patience = 30_000 + runs * 500;

/** The engine as the product runs it: one subscription, facts one after the other. */
export const live = async (facts: readonly Fact[], memory: Memory = createMemory()): Promise<readonly Derived[]> =>
  lastValueFrom(from(facts).pipe(engine(memory), toArray()));

/** The same without a stream, for laws that stop and go on many times. */
export const stepped = (facts: readonly Fact[], memory: Memory = createMemory()): readonly Derived[] =>
  facts.flatMap((fact) => derive(memory, fact));

/** A memory as it comes back from a file: only what text can carry. */
export const savedAndLoaded = (memory: Memory): Memory => {
  const text = JSON.stringify(saveTouched(memory));
  const loaded = createMemory();
  const unknown = restoreMemory(loaded, JSON.parse(text) as Saved[]);
  if (unknown.length > 0) throw new Error("a memory just saved is not known again");
  return loaded;
};

export const bytes = (events: readonly Derived[]): readonly string[] => events.map((event) => JSON.stringify(event));

/** How often a law had something to say, by what it was about. */
export type Tally = Map<string, number>;
const add = (tally: Tally, name: string): void => {
  tally.set(name, (tally.get(name) ?? 0) + 1);
};
export const tell = (tally: Tally, events: readonly Derived[]): void => {
  for (const event of events) {
    if (event.kind === "alert" && event.cause.to.modelVersion !== undefined) add(tally, MODEL);
    if (event.kind === "alert") add(tally, `${event.ruleType}${event.revision > 0 ? " closed" : ""}`);
    else if (event.kind === "presence") add(tally, event.reason ?? "entered");
    else add(tally, event.kind);
  }
};
/** Names of a list that were never told of. */
export const silent = (tally: Tally, names: readonly string[]): readonly string[] => names.filter((name) => (tally.get(name) ?? 0) === 0);

/** An alert whose frame says which model made it. */
export const MODEL = "model";
export const ALERTS = ["increment", "occupancy", "occupancy closed", "occupancy_threshold_switch", "flowrate", "notify"];
export const PLACES = ["crossing", "coverage", "entered", "left", "timeout"];
export const MISHAPS = ["sensor_lost", "clock_reset", "redefined"];
