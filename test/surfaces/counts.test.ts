import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeCore } from "../support/core.ts";
import { declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let served: Served;
beforeEach(async () => {
  core = new FakeCore();
  served = await serveCore(core);
});
afterEach(() => served.close());

const range = "fromTimestamp=2021-09-16T06:06:00.000Z&toTimestamp=2021-09-16T06:07:00.000Z";
const rows = [
  { tripwireId: "TW1", direction: "either", type: "*", count: 5 },
  { tripwireId: "TW1", direction: "entry", type: "*", count: 4 },
  { tripwireId: "TW1", direction: "exit", type: "*", count: 3 },
] as const;
const ask = async (path: string, query: string): Promise<Loose> => {
  const document = await json(await fetch(`${served.url}/openapi/emdx.json`));
  const { body, fault } = await declared(document, "GET", path, await fetch(`${served.url}/api/v2${path}?sensorId=a&${range}&${query}`));
  expect(fault).toBeUndefined();
  return body;
};
const csv = async (path: string, query: string): Promise<string[]> => {
  const response = await fetch(`${served.url}/api/v2${path}?sensorId=a&${range}&${query}`, { headers: { accept: "text/csv" } });
  return (await response.text()).trim().split("\r\n");
};

describe("counts", () => {
  it("of distinct objects say beside entries and exits who crossed in either direction", async () => {
    core.laid.tripwireCounts = rows;
    const [kpi] = (await ask("/metrics/tripwire", "countMode=distinct")).tripwireKpis;
    expect(kpi).toEqual({
      id: "TW1",
      events: [
        { type: "entry", objects: [{ type: "*", count: 4 }] },
        { type: "exit", objects: [{ type: "*", count: 3 }] },
      ],
      distinctObjects: [{ type: "*", count: 5 }],
    });
    expect(await csv("/metrics/tripwire", "countMode=distinct")).toEqual([
      "sensorId,tripwireId,direction,objectType,count",
      "a,TW1,entry,*,4",
      "a,TW1,exit,*,3",
      "a,TW1,either,*,5",
    ]);
  });

  it("of distinct objects have a row for each type asked for, also where nobody crossed", async () => {
    core.laid.tripwireCounts = rows;
    const [kpi] = (await ask("/metrics/tripwire", "countMode=distinct&objectType=Vehicle")).tripwireKpis;
    expect(kpi.distinctObjects).toEqual([
      { type: "Vehicle", count: 0 },
      { type: "*", count: 5 },
    ]);
  });

  it("of distinct objects in buckets say it in each bucket", async () => {
    core.laid.tripwireHistogram = rows.map((row) => ({ ...row, bucket: 1 }));
    const [{ histogram }] = (await ask("/metrics/tripwire/histogram", "countMode=distinct&bucketSizeInSec=30")).tripwires;
    expect(histogram.map(({ distinctObjects }: Loose) => distinctObjects)).toEqual([[{ type: "*", count: 0 }], [{ type: "*", count: 5 }]]);
    const lines = await csv("/metrics/tripwire/histogram", "countMode=distinct&bucketSizeInSec=30");
    expect(lines.at(-1)).toBe("a,TW1,2021-09-16T06:06:30.000Z,2021-09-16T06:07:00.000Z,either,*,5");
    expect(lines).toHaveLength(7);
  });

  it("of crossings and of net passages have no distinct objects", async () => {
    core.laid.tripwireCounts = rows.slice(1);
    for (const query of ["", "countMode=raw", "countMode=net"]) {
      expect((await ask("/metrics/tripwire", query)).tripwireKpis[0]).not.toHaveProperty("distinctObjects");
      expect(await csv("/metrics/tripwire", query)).toHaveLength(3);
    }
  });
});
