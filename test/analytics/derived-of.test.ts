import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derivedOf, isRetracted, type Standing, standing } from "../../analytics/derived-of.ts";
import type { Alert, Crossing, Derived, Presence } from "../../domain/event.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { alert, crossing, presence } from "../conformance/events.ts";
import { kinds } from "../support/driven.ts";

const key = { tenant: "acme", camera: "shop" };
const range = { from: 1000, to: 2000 };
const folded = (...events: readonly Derived[]): ReturnType<typeof standing> => {
  const stood = standing(range);
  stood.add(events.map((event, position) => ({ event, position })));
  return stood;
};
const eventsOf = <E extends Derived>(all: ReadonlyMap<string, Standing<E>>): readonly E[] => [...all.values()].map(({ event }) => event);

describe.each(kinds)("what was derived, read from logs %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ logs, remove } = await open());
  });
  afterEach(() => remove());

  it("is that of the cameras asked for, from an instant of arrival on and before a position, each with where it stands", async () => {
    const told = (camera: string, receivedAt: number): Derived => ({ ...presence(camera), tenant: "acme", receivedAt });
    const all = [told("shop", 1), told("shop", 5), told("yard", 6), told("shop", 7), told("shop", 9)];
    const release = await logs.claim((owned) => owned.commit({ out: all, next: 1 }));
    await release();
    const positions: Position[] = [];
    for await (const batch of logs.derived.read(0, "start")) positions.push(...batch.positions);
    const read: Standing[] = [];
    for await (const some of derivedOf(logs.derived, 0, [key], { arrivedFrom: 5, to: positions[4] as Position })) read.push(...some);
    expect(read).toEqual([
      { event: all[1], position: positions[1] },
      { event: all[3], position: positions[3] },
    ]);
    const none: Standing[] = [];
    for await (const some of derivedOf(logs.derived, 0, [{ tenant: "other", camera: "shop" }], {
      arrivedFrom: 0,
      to: positions[4] as Position,
    }))
      none.push(...some);
    expect(none).toEqual([]);
  });
});

describe("what stands of a range", () => {
  const raised = (more: Partial<Alert>): Alert => ({
    ...alert("shop"),
    ...key,
    id: "a",
    revision: 0,
    retracted: false,
    raisedAt: 1500,
    ...more,
  });
  const crossed = (more: Partial<Crossing>): Crossing => ({ ...crossing("shop"), ...key, confirmedAt: 1500, ...more });
  const came = (more: Partial<Presence>): Presence => ({ ...presence("shop"), ...key, at: 1500, start: 1500, ...more });

  it("is of each alert the highest revision, in whatever order they are told", () => {
    const closed = raised({ revision: 1, raisedAt: 5000, end: 4000 });
    const stood = folded(raised({}), raised({ revision: 2, raisedAt: 5000, retracted: true }), closed);
    expect(eventsOf(stood.alerts).map(({ revision, retracted }) => [revision, retracted])).toEqual([[2, true]]);
    expect(eventsOf(stood.alerts).map(isRetracted)).toEqual([true]);
  });

  it("has the alerts whose first revision was raised in it, however much later they ended", () => {
    const stood = folded(
      raised({ id: "before", raisedAt: 999 }),
      raised({ id: "before", revision: 1, raisedAt: 1200 }),
      raised({ id: "first", raisedAt: 1000 }),
      raised({ id: "first", revision: 1, raisedAt: 9000 }),
      raised({ id: "last", raisedAt: 1999 }),
      raised({ id: "after", raisedAt: 2000 }),
      raised({ id: "unknown", revision: 1, raisedAt: 1500 }),
    );
    expect(eventsOf(stood.alerts).map(({ id, revision }) => [id, revision])).toEqual([
      ["first", 1],
      ["last", 0],
    ]);
  });

  it("tells the same id of another camera apart", () => {
    expect(folded(raised({}), raised({ camera: "yard" }), raised({ tenant: "other" })).alerts.size).toBe(3);
  });

  it("is of each crossing what was said of it last, and a crossing at another instant is another", () => {
    const stood = folded(
      crossed({ at: 1400 }),
      crossed({ at: 1400 }),
      crossed({ at: 1400, correction: { revision: 1, retracted: true } }),
      crossed({ at: 1450, late: true, correction: { revision: 0, retracted: false } }),
      crossed({ at: 1400, direction: "exit" }),
      crossed({ at: 1900, confirmedAt: 2000 }),
      crossed({ at: 900, confirmedAt: 1000 }),
    );
    expect(eventsOf(stood.crossings).map((one) => [one.at, one.direction, isRetracted(one)])).toEqual([
      [1400, crossed({}).direction, true],
      [1450, crossed({}).direction, false],
      [1400, "exit", false],
      [900, crossed({}).direction, false],
    ]);
  });

  it("is of each entry and leaving what was said of it last, though its instant has changed", () => {
    const stood = folded(
      came({ change: "entered", reason: undefined }),
      came({ change: "left", at: 1800, reason: "timeout" }),
      came({ change: "left", at: 1900, reason: "left", correction: { revision: 1, retracted: false } }),
      came({ change: "left", at: 2000, start: 1600, reason: "left" }),
    );
    expect(eventsOf(stood.presence).map(({ change, at, reason }) => [change, at, reason])).toEqual([
      ["entered", 1500, undefined],
      ["left", 1900, "left"],
    ]);
  });
});
