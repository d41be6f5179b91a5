import { describe, expect, it } from "vitest";
import type { Derived } from "../../domain/event.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { historyOf } from "../support/history.ts";
import { compare } from "./scale/derivation.ts";
import { exactlyOnce } from "./scale/exactly-once.ts";

const { derived } = historyOf(3, "default", "gate", 40);

describe("the comparison of what is committed with what must follow", () => {
  const events: readonly Derived[] = derived.map((event, i) => ({ ...event, receivedAt: i }));
  const without = (at: number): readonly Derived[] => events.filter((_, i) => i !== at);

  it("finds nothing where there is nothing, however cameras are woven", () => {
    const others = events.map((event) => ({ ...event, camera: "yard" }));
    const woven = events.flatMap((event, i) => [event, others[i] as Derived]);
    expect(compare(woven, [...events, ...others])).toEqual({ lost: 0, doubled: 0, strange: 0, first: undefined });
  });

  it("finds one that is lost, one that is there twice, one that nobody should have derived, and two that changed places", () => {
    expect(compare(without(7), events)).toMatchObject({ lost: 1, doubled: 0, strange: 0 });
    expect(compare([...events, events[3] as Derived], events)).toMatchObject({ lost: 0, doubled: 1, strange: 0 });
    expect(compare([...events, { ...(events[3] as Derived), receivedAt: -1 }], events)).toMatchObject({ lost: 0, doubled: 0, strange: 1 });
    const swapped = [events[1] as Derived, events[0] as Derived, ...events.slice(2)];
    expect(compare(swapped, events)).toMatchObject({ lost: 0, doubled: 0, strange: 0, first: expect.stringContaining("event 0 is") });
  });
});

// A broker of its own: the one all suites share must not be bounced.
const canBounce = await canStartKafka("exactly once, with engines killed and the broker bounced");

describe.skipIf(!canBounce)("a log on Kafka", () => {
  it("loses nothing and has nothing twice when engines are killed with -9 and the broker is bounced", { timeout: 240_000 }, async () => {
    const { faults, figures } = await exactlyOnce({
      frames: 3000,
      partitions: 3,
      engines: 2,
      kills: 1,
      cameras: 8,
      live: 1,
      seconds: 8,
      seed: 11,
      say: () => undefined,
    });
    expect(faults).toEqual([]);
    expect(figures).toMatchObject({ "engines killed (sent)": 1, "engines killed (committing)": 1 });
    expect(figures["frames acknowledged"]).toBeGreaterThanOrEqual(3000);
  });
});
