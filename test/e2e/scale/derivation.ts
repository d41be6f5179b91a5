/** What must follow: the engine, stepped once from beginning to end over the facts as they stand in the log, by nobody disturbed. */
import { derive } from "../../../analytics/engine.ts";
import { createMemory } from "../../../analytics/memory.ts";
import { keyText } from "../../../domain/envelope.ts";
import type { Derived, Fact } from "../../../domain/event.ts";

export const undisturbed = (facts: readonly Fact[]): readonly Derived[] => {
  const memory = createMemory();
  return facts.flatMap((fact) => derive(memory, fact));
};

/** As JSON carries it: what is undefined is absent. */
const text = (event: unknown): string => JSON.stringify(event);

export type Difference = { readonly lost: number; readonly doubled: number; readonly strange: number; readonly first: string | undefined };

/** Compares two partitions camera by camera, event by event, in order. */
export const compare = (is: readonly Derived[], should: readonly Derived[]): Difference => {
  const byCamera = (events: readonly Derived[]): ReadonlyMap<string, readonly string[]> => {
    const cameras = new Map<string, string[]>();
    for (const event of events) {
      const key = keyText(event.tenant, event.camera);
      const known = cameras.get(key);
      if (known === undefined) cameras.set(key, [text(event)]);
      else known.push(text(event));
    }
    return cameras;
  };
  const [here, there] = [byCamera(is), byCamera(should)];
  let first: string | undefined;
  let [lost, doubled, strange] = [0, 0, 0];
  for (const camera of new Set([...here.keys(), ...there.keys()])) {
    const [mine, theirs] = [here.get(camera) ?? [], there.get(camera) ?? []];
    const at = Array.from({ length: Math.max(mine.length, theirs.length) }, (_, i) => i).find((i) => mine[i] !== theirs[i]);
    if (at === undefined) continue;
    first ??= `event ${at} is ${mine[at] ?? "missing"} and should be ${theirs[at] ?? "missing"}`;
    const due = new Map<string, number>();
    for (const one of theirs) due.set(one, (due.get(one) ?? 0) + 1);
    for (const one of mine) {
      const left = due.get(one);
      if (left === undefined) strange += 1;
      else if (left === 0) doubled += 1;
      else due.set(one, left - 1);
    }
    for (const left of due.values()) lost += left;
  }
  return { lost, doubled, strange, first };
};
