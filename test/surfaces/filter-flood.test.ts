import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readFilter } from "../../api/emdx/filter.ts";
import { limits } from "../../domain/limits.ts";
import { FakeCore } from "../support/core.ts";
import { connect, type Served, serveCore } from "../support/surface.ts";

const large = JSON.stringify(Array.from({ length: 400 }, (_, i) => ({ sensorId: `s${i}`, fov: { alertRuleTypes: ["*"] } })));
const FLOOD = 60;

let served: Served;
beforeEach(async () => {
  served = await serveCore(new FakeCore({}));
});
afterEach(() => served.close());

/** Milliseconds of work that so many filters are to read: of a busy machine's time more goes by. */
const reading = (): number => {
  const begin = process.cpuUsage();
  for (let i = 0; i < FLOOD; i++) readFilter(large, limits);
  return process.cpuUsage(begin).user / 1000;
};

describe("a socket that changes its filter all the time", () => {
  it("is acknowledged every one, at a pace that leaves most of the time to others", async () => {
    const flooding = connect(`${served.url}/api/v2/alerts/ws`, ["tallywire.v1"]);
    await flooding.opened;
    reading();
    const alone = reading();
    const begin = performance.now();
    for (let i = 0; i < FLOOD; i++) flooding.socket.send(large);
    flooding.socket.send("[]");
    await flooding.until(() => flooding.messages.length === FLOOD + 1);
    expect(performance.now() - begin).toBeGreaterThan(3 * alone);
    expect(flooding.messages.map(({ ack }) => ack.filters)).toEqual([...Array.from({ length: FLOOD }, () => 400), 0]);
    flooding.socket.terminate();
  });
});
