/** What a recomputation compares and remembers, without a log. */
import { describe, expect, it } from "vitest";
import { createFindings, missingIn } from "../../analytics/findings.ts";
import { cameraMemory, createMemory, restoreMemory, saveCameraMemory, saveTouched, touch } from "../../analytics/memory.ts";
import { differ } from "../../analytics/recompute.ts";
import { numbered, withTold } from "../../analytics/told-already.ts";
import type { Crossing, Presence } from "../../domain/event.ts";
import { JobFailure } from "../../domain/job.ts";
import { limits } from "../../domain/limits.ts";
import { KEY } from "../support/passers-by.ts";
import { anAlert } from "../support/surface.ts";

const RANGE = { from: 0, to: 1e12 };
const ref = { timestamp: 0, id: "f", modelVersion: undefined };
const object = (id: string) => ({ id, type: "Person", bbox: { leftX: 1, topY: 2, rightX: 3, bottomY: 4 } }) as Presence["object"];

/** So many stays, each a little later than those of another shift. */
const staysOf = (count: number, shift: number) => {
  const findings = createFindings(RANGE, () => false);
  for (let i = 0; i < count; i++) {
    const start = i * 100 + shift;
    const stay = {
      ...KEY,
      kind: "presence",
      receivedAt: 0,
      place: { analytic: "fov", id: KEY.camera, epoch: 0 },
      object: object(`o${i}`),
    } as const;
    const told = { ...stay, start, firstSeen: start, cause: { from: ref, to: ref } } as const;
    findings.add({ ...told, change: "entered", at: start, reason: undefined } as Presence);
    findings.add({ ...told, change: "left", at: start + 50, reason: "left" } as Presence);
  }
  return findings;
};
const run = <T>(work: Generator<undefined, T>): { readonly yields: number; readonly value: T } => {
  for (let yields = 0; ; yields++) {
    const step = work.next();
    if (step.done) return { yields, value: step.value };
  }
};

describe("what differs", () => {
  it("is compared in slices, so that others have their turn", () => {
    const [held, found] = [staysOf(4000, 0), staysOf(4000, 1)];
    expect(run(missingIn(held, found)).value.size).toBe(4000);
    expect(run(missingIn(held, found)).yields).toBeGreaterThanOrEqual(2);
    const { yields, value } = run(differ(held, found));
    expect(value.stays).toHaveLength(8000);
    expect(yields).toBeGreaterThanOrEqual(16);
    expect(run(differ(held, staysOf(4000, 0))).value.stays).toEqual([]);
  });

  it("may not be more than is committed at once: then a shorter time is to be asked for", () => {
    const most = limits.recomputeCorrections / 4;
    expect(() => run(differ(staysOf(most, 0), staysOf(most, 1)))).not.toThrow();
    expect(() => run(differ(staysOf(most + 1, 0), staysOf(most, 1)))).toThrow(JobFailure);
    expect(() => run(differ(staysOf(most + 1, 0), staysOf(most, 1)))).toThrow("ask for a shorter time");
  });

  it("belongs to the range by when the wire was met, not by when that was certain", () => {
    const crossing = (at: number, confirmedAt: number): Crossing => ({
      ...{ ...KEY, kind: "crossing", receivedAt: 0, place: { analytic: "tripwire", id: "door", epoch: 0 }, object: object("ann") },
      ...{ direction: "entry", at, confirmedAt, late: false, cause: { from: ref, to: ref } },
    });
    const findings = createFindings({ from: 1000, to: 2000 }, () => false);
    for (const [at, confirmedAt] of [
      [900, 1100],
      [1000, 1300],
      [1900, 2100],
      [2000, 2300],
    ] as const)
      findings.add(crossing(at, confirmedAt));
    expect([...findings.crossings.values()].map(({ at }) => at)).toEqual([1000, 1900]);
  });
});

describe("what a recomputation told", () => {
  const alert = anAlert({ ...KEY, id: "x" });

  it("is told again by live with the next revision where it differs, and not at all where it does not", () => {
    const told = withTold(new Map(), [alert, { ...alert, revision: 1, start: 5 }]);
    expect(numbered(told, { ...alert, start: 5, receivedAt: 77 })[1]).toBeUndefined();
    const [next, first] = numbered(told, { ...alert, start: 6 });
    expect(first).toMatchObject({ id: "x", revision: 2, start: 6, retracted: false });
    expect(numbered(next, { ...alert, start: 6, revision: 0 })[1]).toBeUndefined();
    expect(numbered(next, { ...alert, start: 7, revision: 1 })[1]?.revision).toBe(3);
    expect(numbered(told, { ...alert, id: "y" })[1]).toMatchObject({ id: "y", revision: 0 });
  });

  it("and took back is told again with the next revision, whatever its content", () => {
    const told = withTold(new Map(), [alert, { ...alert, revision: 1, retracted: true }]);
    expect(numbered(told, alert)[1]).toEqual({ ...alert, revision: 2 });
  });

  it("is remembered up to a limit: the oldest leave", () => {
    const told = withTold(
      withTold(new Map(), [alert], 2),
      ["a", "b"].map((id) => ({ ...alert, id })),
      2,
    );
    expect([...told.keys()]).toEqual(["a", "b"]);
    const many = Array.from({ length: limits.rememberedCorrections + 1 }, (_, i) => ({ ...alert, id: `${i}` }));
    expect(withTold(new Map(), many).size).toBe(limits.rememberedCorrections);
  });

  it("is saved with the camera only where there is any, and is in no base", () => {
    const memory = createMemory();
    const one = cameraMemory(memory, KEY.tenant, KEY.camera);
    const saved = () => {
      touch(memory, one);
      return saveTouched(memory)[0]?.memory;
    };
    const plain = JSON.stringify(saved());
    expect(plain).not.toContain('"told"');
    one.told = withTold(one.told, [alert, { ...alert, id: "y", retracted: true }]);
    const form = JSON.parse(JSON.stringify(saved()));
    expect(JSON.stringify(form)).not.toBe(plain);
    const again = createMemory();
    expect(restoreMemory(again, [{ ...KEY, memory: form }])).toEqual([]);
    expect(cameraMemory(again, KEY.tenant, KEY.camera).told).toEqual(one.told);
    expect(JSON.stringify(saveCameraMemory(again, KEY.tenant, KEY.camera))).toBe(plain);
  });
});
