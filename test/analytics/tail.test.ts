import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Logged, openTail } from "../../analytics/tail.ts";
import type { Alert, Derived } from "../../domain/event.ts";
import type { Logs, Owned, Position } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { cameraIn, coverage } from "../conformance/events.ts";
import { kinds } from "../support/driven.ts";
import { entered, notifyRule, told } from "../support/rule-inputs.ts";

const PARTITIONS = 2;
const cameras = [cameraIn(0, PARTITIONS), cameraIn(1, PARTITIONS)] as const;
const [sample] = told(notifyRule, [entered(1000, "a")]) as readonly [Alert];
const alert = (partition: 0 | 1, id: string): Alert => ({ ...sample, tenant: "default", camera: cameras[partition], id });

describe.each(kinds)("a tail of the derived log %s", (_, open) => {
  let logs: Logs;
  let remove: () => Promise<void>;
  let owners: Owned[];
  let committed: number[];
  beforeEach(async () => {
    ({ logs, remove } = await open(PARTITIONS));
    owners = [];
    committed = [0, 0];
    await new Promise<void>((resolve) => {
      void logs.claim(async (owned) => {
        owners[owned.partition] = owned;
        if (Object.keys(owners).length === PARTITIONS) resolve();
        await owned.lost;
      });
    });
  });
  afterEach(() => remove());

  const commit = (partition: 0 | 1, ...out: readonly Derived[]): Promise<void> => {
    committed[partition] = (committed[partition] as number) + 1;
    return (owners[partition] as Owned).commit({ out, next: committed[partition] as Position });
  };
  const ends = async (): Promise<readonly Position[]> => Promise.all([0, 1].map(async (p) => (await logs.derived.bounds(p)).end));
  const eventually = async (holds: () => boolean): Promise<void> => {
    for (const until = performance.now() + 5000; !holds(); ) {
      if (performance.now() > until) throw new Error("it never came to it");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const idsOf = (alerts: readonly Logged[]): readonly string[] => alerts.map((one) => one.alert.id);

  it("tells what comes after it was opened, in order within a partition, with the vector reached", async () => {
    await commit(0, alert(0, "before"));
    const stop = createStop();
    const tail = await openTail(logs.derived, stop.signal);
    const heard: { readonly alerts: readonly Logged[]; readonly at: readonly Position[] }[] = [];
    const begun = tail.subscribe((alerts, at) => heard.push({ alerts, at }));
    expect(begun.at).toEqual(await ends());
    await commit(0, alert(0, "a"), coverage(cameras[0], 1), alert(0, "b"));
    await commit(1, alert(1, "c"));
    await commit(0, coverage(cameras[0], 2), alert(0, "d"));
    const all = () => heard.flatMap(({ alerts }) => alerts);
    await eventually(() => all().length === 4);
    expect(idsOf(all().filter(({ partition }) => partition === 0))).toEqual(["a", "b", "d"]);
    expect(idsOf(all().filter(({ partition }) => partition === 1))).toEqual(["c"]);
    // Each vector is a cursor: from it on there is what was told later, and nothing that was told before.
    for (const [i, { at }] of heard.entries()) {
      const rest: string[] = [];
      for await (const alerts of tail.between(at, await ends())) rest.push(...idsOf(alerts));
      expect([...rest].sort()).toEqual(
        heard
          .slice(i + 1)
          .flatMap(({ alerts }) => [...idsOf(alerts)])
          .sort(),
      );
    }
    expect(heard.at(-1)?.at).toEqual(await ends());
    stop.stop();
    await tail.done;
  });

  it("tells nobody who has stopped listening, the others still, and each vector for itself", async () => {
    const stop = createStop();
    const tail = await openTail(logs.derived, stop.signal);
    const one: string[] = [];
    const other: string[] = [];
    const first = tail.subscribe((alerts) => one.push(...idsOf(alerts)));
    tail.subscribe((alerts, at) => {
      other.push(...idsOf(alerts));
      (at as Position[]).fill(-1);
    });
    await commit(0, alert(0, "a"));
    await eventually(() => other.length === 1);
    first.stop();
    await commit(0, alert(0, "b"));
    await eventually(() => other.length === 2);
    expect([one, other]).toEqual([["a"], ["a", "b"]]);
    expect(tail.subscribe(() => {}).at).toEqual(await ends());
    stop.stop();
    await tail.done;
    await commit(0, alert(0, "c"));
    expect(other).toEqual(["a", "b"]);
  });

  it("gives what lies between two vectors, the first included and the second not, and nothing where there is nothing", async () => {
    const stop = createStop();
    const tail = await openTail(logs.derived, stop.signal);
    const begin = await ends();
    await commit(0, alert(0, "a"), alert(0, "b"));
    await commit(1, coverage(cameras[1], 1), alert(1, "c"));
    const middle = await ends();
    await commit(0, alert(0, "d"));
    await commit(1, alert(1, "e"));
    const between = async (from: readonly Position[], to: readonly Position[]): Promise<readonly string[]> => {
      const ids: string[] = [];
      for await (const alerts of tail.between(from, to)) ids.push(...idsOf(alerts));
      return ids;
    };
    expect(await between(begin, middle)).toEqual(["a", "b", "c"]);
    expect(await between(middle, await ends())).toEqual(["d", "e"]);
    expect(await between(begin, await ends())).toEqual(["a", "b", "d", "c", "e"]);
    expect(await between(middle, middle)).toEqual([]);
    expect(await between(await ends(), begin)).toEqual([]);
    stop.stop();
    await tail.done;
  });
});
