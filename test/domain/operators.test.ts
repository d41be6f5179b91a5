import { EMPTY, NEVER, type OperatorFunction, of, Subject, throwError } from "rxjs";
import { describe, expect, it } from "vitest";
import { flowrate } from "../../analytics/operators/flowrate.ts";
import { fov } from "../../analytics/operators/fov.ts";
import { increment } from "../../analytics/operators/increment.ts";
import { notify } from "../../analytics/operators/notify.ts";
import { occupancy } from "../../analytics/operators/occupancy.ts";
import { roi } from "../../analytics/operators/roi.ts";
import { thresholdSwitch } from "../../analytics/operators/threshold-switch.ts";
import { tripwire } from "../../analytics/operators/tripwire.ts";
import type { Fact } from "../../domain/event.ts";
import type { Heard } from "../../domain/rules/rule.ts";
import { frames, heartbeat, seen } from "../support/given.ts";
import {
  door,
  entered,
  flowrateRule,
  hall,
  incrementRule,
  key,
  notifyRule,
  occupancyRule,
  passed,
  switchRule,
} from "../support/rule-inputs.ts";

type Case<In> = readonly [name: string, operator: () => OperatorFunction<In, unknown>, input: In];
const [frame] = frames(key, [0, [seen("ann", 50, 50)]]) as [Fact];
const places: readonly Case<Fact>[] = [
  ["tripwire", () => tripwire(door, { key }), frame],
  ["roi", () => roi(hall, { key }), frame],
  ["fov", () => fov({ minFrames: 1, exitAfter: 1 }, { key }), frame],
];
const rules: readonly Case<Heard>[] = [
  ["increment", () => increment(incrementRule, { key }), passed(0)],
  ["occupancy", () => occupancy(occupancyRule, { key }), entered(0, "ann")],
  ["thresholdSwitch", () => thresholdSwitch(switchRule, { key }), entered(0, "ann")],
  ["flowrate", () => flowrate(flowrateRule, { key }), passed(0)],
  ["notify", () => notify(notifyRule, { key }), entered(0, "ann")],
];
const all = [...places, ...rules] as unknown as readonly Case<unknown>[];

/** What a subscriber is told of an operator's end. */
const endOf = (apply: OperatorFunction<unknown, unknown>, source: Parameters<OperatorFunction<unknown, unknown>>[0]): string => {
  let end = "open";
  const subscription = source
    .pipe(apply)
    .subscribe({ error: (error: Error) => (end = `error ${error.message}`), complete: () => (end = "complete") });
  subscription.unsubscribe();
  return end;
};

describe.each(all)("%s", (_, operator, input) => {
  it("completes with an empty source, telling nothing", () => {
    const told: unknown[] = [];
    EMPTY.pipe(operator()).subscribe((one) => told.push(one));
    expect([endOf(operator(), EMPTY), told]).toEqual(["complete", []]);
  });

  it("stays open with a source that never says anything", () => expect(endOf(operator(), NEVER)).toBe("open"));

  it("passes the source's error on", () => {
    const failing = throwError(() => new Error("the source broke"));
    expect(endOf(operator(), failing)).toBe("error the source broke");
  });

  it("completes after the last input without making anything up", () => {
    const [during, at]: [unknown[], unknown[]] = [[], []];
    const source = new Subject<unknown>();
    source.pipe(operator()).subscribe((one) => during.push(one));
    source.next(input);
    const before = during.length;
    source.complete();
    of(input)
      .pipe(operator())
      .subscribe((one) => at.push(one));
    expect([during.length, during]).toEqual([before, at]);
  });

  it("lets go of its source when unsubscribed early", () => {
    const source = new Subject<unknown>();
    const subscription = source.pipe(operator()).subscribe();
    expect(source.observed).toBe(true);
    subscription.unsubscribe();
    expect(source.observed).toBe(false);
  });

  it("lets go of its source when the subscriber has had enough in the middle of what one input brings", () => {
    const source = new Subject<unknown>();
    const told: unknown[] = [];
    const subscription = source.pipe(operator()).subscribe((one) => {
      told.push(one);
      subscription.unsubscribe();
    });
    source.next(input);
    source.next(input);
    expect(told.length).toBeLessThanOrEqual(1);
    expect(source.observed).toBe(told.length === 0);
  });
});

describe("operators composed by hand", () => {
  const crowd = { ...occupancyRule, placeId: hall.id, analytic: "roi" as const, countThreshold: 0, timeInterval: 2 };
  const inHall = { x: 50, y: 50 };
  const facts: readonly Fact[] = [
    ...frames(
      key,
      [0, [seen("ann", inHall.x, inHall.y)]],
      [900, [seen("ann", inHall.x, inHall.y)]],
      [1800, [seen("ann", inHall.x, inHall.y)]],
    ),
    heartbeat(key, 2100, 1800),
  ];

  it("fire a timer at its instant when only a heartbeat passes time", () => {
    const raised: number[] = [];
    of(...facts)
      .pipe(roi({ ...hall, coordinates: square, minFrames: 1, exitAfter: 1 }, { key }), occupancy(crowd, { key }))
      .subscribe(({ raisedAt, revision }) => revision === 0 && raised.push(raisedAt));
    expect(raised).toEqual([2000]);
  });

  it("go on from a memory that was kept", () => {
    const [seenBefore, counted] = [new Map(), new Map()];
    const pipe = (some: readonly Fact[]): readonly number[] => {
      const raised: number[] = [];
      of(...some)
        .pipe(
          roi({ ...hall, coordinates: square, minFrames: 1, exitAfter: 1 }, { key, memory: seenBefore }),
          occupancy(crowd, { key, memory: counted }),
        )
        .subscribe(({ raisedAt }) => raised.push(raisedAt));
      return raised;
    };
    expect([pipe(facts.slice(0, 2)), pipe(facts.slice(2))]).toEqual([[], [2000]]);
  });

  it("do not see another camera's facts", () => {
    const told: unknown[] = [];
    const elsewhere = frames({ ...key, camera: "elsewhere" }, [0, [seen("ann", 50, 50)]], [500, [seen("ann", 50, 150)]]);
    of(...elsewhere)
      .pipe(fov({ minFrames: 1, exitAfter: 1 }, { key }))
      .subscribe((one) => told.push(one));
    expect(told).toEqual([]);
  });
});

const square = [
  { x: 0, y: 0 },
  { x: 100, y: 0 },
  { x: 100, y: 100 },
  { x: 0, y: 100 },
];
