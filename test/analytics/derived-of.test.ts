import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { derivedOf, type Standing } from "../../analytics/derived-of.ts";
import type { Derived } from "../../domain/event.ts";
import type { Logs, Position } from "../../domain/ports.ts";
import { presence } from "../conformance/events.ts";
import { kinds } from "../support/driven.ts";

const key = { tenant: "acme", camera: "shop" };

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
