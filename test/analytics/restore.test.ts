import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derive } from "../../analytics/engine.ts";
import { createMemory, restoreMemory, saveCameraMemory } from "../../analytics/memory.ts";
import { restore } from "../../analytics/restore.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Logs, Owned, Position } from "../../domain/ports.ts";
import { readFacts } from "../histories/history.ts";
import { kinds } from "../support/driven.ts";

const facts = await readFacts("world-1");
const [{ tenant, camera }] = facts as [Fact];
const key = { tenant, camera };
const cut = Math.floor(facts.length / 2);
const committed = Math.floor((facts.length * 3) / 4);

const stepping = (seen: number[] = []) => {
  const memory = createMemory();
  const step = (some: readonly Fact[]): readonly Derived[] => {
    seen.push(some.length);
    return some.flatMap((fact) => derive(memory, fact));
  };
  return { memory, step };
};
const memoryAt = (count: number): Json => {
  const { memory, step } = stepping();
  step(facts.slice(0, count));
  return saveCameraMemory(memory, tenant, camera) as Json;
};
type Parts = { readonly [part: string]: Json };
const strange = (form: Json, over: Parts): Json => ({ ...(form as Parts), ...over });

describe.each(kinds)("the memory of a partition restored from logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  let positions: readonly Position[];
  beforeEach(async () => {
    ({ logs, remove } = await open());
    // Each fact in an append of its own, so that every one has a record.
    const at: Position[] = [];
    for (const fact of facts) at.push(...(await logs.facts.append([fact])));
    positions = at;
  });
  afterEach(() => remove());

  /** Checkpointed at the cut with this memory, committed further on, and then owned by another. */
  const restored = async (memory: Json, seen: number[] = []) => {
    const owner = (): Promise<Owned> =>
      new Promise((resolve) => {
        void logs.claim(async (owned) => {
          resolve(owned);
          await owned.lost;
        });
      });
    const first = await owner();
    await first.commit({ out: [], next: positions[cut] as Position, checkpoint: [{ ...key, memory }] });
    await first.commit({ out: [], next: positions[committed] as Position });
    const one = stepping(seen);
    const next = await restore(logs, await owner(), one.memory, one.step, Number.MAX_SAFE_INTEGER);
    expect(next).toBe(positions[committed]);
    return one;
  };
  const base = (count: number, memory: Json, at: number) =>
    logs.putBase({ ...key, at, partition: 0, position: positions[count] as Position, memory });

  /** The rest gives what it gives in one run. */
  const goesOn = ({ step }: ReturnType<typeof stepping>): void => {
    const whole = stepping();
    whole.step(facts.slice(0, committed));
    const rest = whole.step(facts.slice(committed));
    expect(rest.some(({ kind }) => kind === "alert")).toBe(true);
    expect(JSON.stringify(step(facts.slice(committed)))).toBe(JSON.stringify(rest));
  };

  it("is the checkpoint, stepped on to what was committed", async () => {
    const seen: number[] = [];
    const one = await restored(memoryAt(cut), seen);
    expect(seen.reduce((sum, n) => sum + n, 0)).toBe(committed - cut);
    goesOn(one);
  });

  it.each<[string, (form: Json) => Json]>([
    ["of another version", (form) => strange(form, { version: 99 })],
    ["with a time of another shape", (form) => strange(form, { time: [1, [null, null]] })],
    [
      "with a time that says more than is known",
      (form) => strange(form, { time: [1, [...((form as { time: [number, Json[]] }).time[1] as Json[]), 1]] }),
    ],
    ["with definitions of another shape", (form) => strange(form, { definition: {} })],
    ["that is none at all", () => "nothing"],
  ])("is derived again from the log's start where the checkpoint is one %s", async (_name, spoil) => {
    const seen: number[] = [];
    const one = await restored(spoil(memoryAt(cut)), seen);
    expect(seen.reduce((sum, n) => sum + n, 0)).toBe(committed);
    goesOn(one);
  });

  it("is derived again from the newest base that is known and not newer than the checkpoint", async () => {
    const spoilt = strange(memoryAt(cut), { version: 99 });
    await base(4, memoryAt(4), 1000);
    await base(8, strange(memoryAt(8), { version: 99 }), 2000);
    await base(cut + 1, memoryAt(cut + 1), 3000);
    const seen: number[] = [];
    const one = await restored(spoilt, seen);
    expect(seen.reduce((sum, n) => sum + n, 0)).toBe(committed - 4);
    goesOn(one);
  });

  it("derives again no camera but the one that needs it", async () => {
    const yard = facts.map((fact) => ({ ...fact, camera: "yard" }));
    const others: Position[] = [];
    for (const fact of yard) others.push(...(await logs.facts.append([fact])));
    const memory = createMemory();
    for (const fact of yard) derive(memory, fact);
    const checkpoint = [
      { ...key, memory: strange(memoryAt(facts.length), { version: 99 }) },
      { tenant, camera: "yard", memory: saveCameraMemory(memory, tenant, "yard") },
    ];
    const end = (await logs.facts.bounds(0)).end;
    const stepped: string[] = [];
    const again = createMemory();
    await new Promise<void>((resolve, reject) => {
      const own = async (owned: Owned): Promise<void> => {
        await owned.commit({ out: [], next: end, checkpoint });
        const step = (some: readonly Fact[]): void => {
          for (const fact of some) derive(again, fact);
          stepped.push(...some.map((fact) => fact.camera));
        };
        await restore(logs, owned, again, step, 1);
      };
      void logs.claim((owned) => own(owned).then(resolve, reject));
    });
    expect(stepped).toEqual(facts.map(() => camera));
    for (const one of [camera, "yard"])
      expect(JSON.stringify(saveCameraMemory(again, tenant, one))).toBe(
        JSON.stringify(one === "yard" ? saveCameraMemory(memory, tenant, one) : memoryAt(facts.length)),
      );
  });
});

/** Every place in a form where something else may stand. */
const spoilt = (form: Json): readonly Json[] => {
  if (Array.isArray(form))
    return [
      form.slice(0, -1),
      [...form, 0],
      ...form.flatMap((part, i) => spoilt(part).map((other) => form.map((same, k) => (k === i ? other : same)))),
    ].filter((other) => JSON.stringify(other) !== JSON.stringify(form));
  if (typeof form === "object" && form !== null)
    return Object.entries(form).flatMap(([name, part]) => [
      Object.fromEntries(Object.entries(form).filter(([other]) => other !== name)),
      ...spoilt(part).map((other) => ({ ...form, [name]: other })),
    ]);
  return [{ unknown: true }];
};

describe("a saved memory", () => {
  it("is never misread: whatever stands where in a form not known, it is loaded as it is or not at all", () => {
    const forms = spoilt(memoryAt(committed));
    expect(forms.length).toBeGreaterThan(500);
    let refused = 0;
    for (const form of forms) {
      const memory = createMemory();
      if (restoreMemory(memory, [{ ...key, memory: form }]).length > 0) refused++;
      else expect(JSON.stringify(saveCameraMemory(memory, tenant, camera))).toBe(JSON.stringify(form));
    }
    expect(refused).toBeGreaterThan(forms.length / 4);
  });
});
