/** Every example of the emdx document. What contradicts itself there is listed with its reason in exceptions/emdx.md. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Alert } from "../../domain/event.ts";
import { FakeCore } from "../support/core.ts";
import { anAlert, connect, declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

const core = new FakeCore();
let served: Served;
let document: Loose;
beforeAll(async () => {
  served = await serveCore(core);
  document = await json(await fetch(`${served.url}/openapi/emdx.json`));
});
afterAll(() => served.close());
beforeEach(() => {
  core.log.length = 0;
  core.asked.length = 0;
});

/** Both ends of all three alerts. */
const start = Date.parse("2021-09-16T06:06:59.800Z");
const end = Date.parse("2021-09-16T06:07:00.534Z");
const walker = { id: "1186", type: "Person", bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1 }, confidence: 0.9, info: undefined };
const increment = (): Alert =>
  anAlert({ start, end, count: 10, description: "10 people entered fov", direction: "entry", objects: [walker] });
const occupancy = (count: number, description: string): Alert =>
  anAlert({ start, end, count, description, ruleType: "occupancy", direction: undefined, objects: [walker] });
const thresholdSwitch = (): Alert =>
  anAlert({
    start,
    end,
    count: 6,
    description: "fov occupancy count greater than 5",
    ruleType: "occupancy_threshold_switch",
    direction: "up",
    objects: undefined,
  });
const crowd = "more than 1 people continuously present in fov for longer than 10 seconds";

/** What the document shows of each alert; what is ours stands beside it. */
const shown = (alert: Alert, own: object) => ({
  id: alert.id,
  sensorId: "Amcrest_3",
  type: "fov",
  duration: 0.734,
  startTimestamp: "2021-09-16T06:06:59.800Z",
  endTimestamp: "2021-09-16T06:07:00.534Z",
  attributes: [{ name: "objects", value: [{ id: "1186", type: "Person" }] }],
  ...own,
});
const ours = ["rule_id", "rule_name", "rule_version", "severity", "revision", "cause"];
const published = (alert: Loose) => Object.fromEntries(Object.entries(alert).filter(([name]) => !ours.includes(name)));

const ask = async (path: string): Promise<Loose> => {
  const response = await fetch(served.url + path);
  const { body, fault } = await declared(document, "GET", new URL(path, served.url).pathname.slice("/api/v2".length), response);
  expect(fault).toBeUndefined();
  return body;
};
const range = "fromTimestamp=2021-09-16T06:06:00.000Z&toTimestamp=2021-09-16T06:07:00.000Z";

describe("the examples of GET /alerts", () => {
  it("1: all alerts between two instants are an increment, an occupancy and a threshold switch, in the fields of the document", async () => {
    const alerts = [increment(), occupancy(2, crowd), thresholdSwitch()];
    core.raise(...alerts);
    const { alerts: none } = await ask(`/api/v2/alerts?sensorId=Amcrest_3&${range}`);
    expect(none).toEqual([]);
    const { alerts: answered } = await ask(`/api/v2/alerts?sensorId=Amcrest_3&${range.replace("06:07:00.000", "06:07:01.000")}`);
    const [first, second, third] = alerts as [Alert, Alert, Alert];
    expect(answered.map(published).reverse()).toEqual([
      shown(first, { count: 10, description: "10 people entered fov", rule_type: "increment", direction: "entry" }),
      shown(second, { count: 2, description: crowd, rule_type: "occupancy" }),
      shown(third, {
        count: 6,
        description: "fov occupancy count greater than 5",
        rule_type: "occupancy_threshold_switch",
        direction: "up",
        attributes: [],
      }),
    ]);
    for (const alert of answered)
      expect(
        Object.keys(alert)
          .filter((name) => ours.includes(name))
          .sort(),
      ).toEqual([...ours].sort());
  });

  const around = (ends: readonly string[]) => core.raise(...ends.map((at) => anAlert({ end: Date.parse(`2021-09-16T06:${at}.000Z`) })));
  const before = Array.from({ length: 12 }, (_, i) => `06:${String(10 + i)}`);
  const after = Array.from({ length: 12 }, (_, i) => `08:${String(10 + i)}`);
  const endsOf = ({ alerts }: Loose): string[] => alerts.map(({ endTimestamp }: Loose) => endTimestamp.slice(14, 19));

  it("2: toTimestamp and limit alone are the latest 10 before it", async () => {
    around([...before, ...after]);
    const body = await ask("/api/v2/alerts?sensorId=Amcrest_3&toTimestamp=2021-09-16T06:07:00.000Z&limit=10");
    expect(endsOf(body)).toEqual(before.slice(2).reverse());
  });

  it("3: fromTimestamp and limit alone are the latest 10 after it", async () => {
    around([...before, ...after]);
    const body = await ask("/api/v2/alerts?sensorId=Amcrest_3&fromTimestamp=2021-09-16T06:07:00.000Z&limit=10");
    expect(endsOf(body)).toEqual(after.slice(2).reverse());
  });

  it("take an end later than fromTimestamp, not the start, as the criterion", async () => {
    core.raise(increment());
    const from = (at: string) => ask(`/api/v2/alerts?sensorId=Amcrest_3&fromTimestamp=2021-09-16T06:07:00.${at}Z`);
    expect((await from("533")).alerts).toHaveLength(1);
    expect((await from("534")).alerts).toHaveLength(0);
  });
});

it("the example of GET /alerts/count has a row for each rule and direction", async () => {
  const row = (analytic: "fov" | "tripwire", ruleId: string, ruleName: string, direction: string, count: number) => ({
    analytic,
    ruleType: "increment" as const,
    ruleId,
    ruleName,
    placeId: analytic === "fov" ? "Amcrest_3" : "TW1",
    direction,
    count,
  });
  core.laid.alertCounts = [
    row("fov", "78956", "lobby entry/exits", "entry", 11),
    row("tripwire", "12345", "main door crossings", "entry", 5),
    row("tripwire", "12345", "main door crossings", "exit", 2),
  ];
  const body = await ask(`/api/v2/alerts/count?sensorId=Amcrest_3&${range}`);
  const said = (type: string, rule_id: string, rule_name: string, direction: string, count: number) => ({
    sensorId: "Amcrest_3",
    type,
    rule_type: "increment",
    rule_id,
    rule_name,
    direction,
    count,
    attributes: [],
  });
  expect(body.alerts).toEqual([
    said("fov", "78956", "lobby entry/exits", "entry", 11),
    said("tripwire", "12345", "main door crossings", "entry", 5),
    said("tripwire", "12345", "main door crossings", "exit", 2),
  ]);
  expect(core.asked.find(({ question }) => question === "alertCounts")?.asked).toMatchObject({
    from: Date.parse("2021-09-16T06:06:00.000Z"),
    to: Date.parse("2021-09-16T06:07:00.000Z"),
  });
});

it("the example of an error has the fields of the document, its status a number", async () => {
  const response = await fetch(`${served.url}/api/v2/alerts`);
  expect(await json(response)).toEqual({
    detail: "sensorId: is required",
    status: 422,
    title: "Unprocessable Entity",
    type: "about:blank",
  });
});

it("the example of the socket's response is the same as what REST answers", async () => {
  const everything = [{ sensorId: "*", tripwires: [], rois: [], fov: { alertRuleTypes: ["*"] } }];
  const peer = connect(`${served.url}/ws-emdx/api/v2/alerts/ws?filter=${encodeURIComponent(JSON.stringify(everything))}`);
  await peer.opened;
  const alerts = [
    increment(),
    occupancy(10, "more than 5 people continuously present in fov for longer than 10 seconds"),
    thresholdSwitch(),
  ];
  core.raise(...alerts);
  await peer.until(() => peer.messages.flatMap((message) => message.alerts).length === 3);
  const rest = await ask("/api/v2/alerts?sensorId=Amcrest_3");
  expect(peer.messages.flatMap((message) => message.alerts)).toEqual(rest.alerts.reverse());
  expect(peer.messages.every((message) => Object.keys(message).join() === "alerts")).toBe(true);
  peer.socket.close();
});

it("what is not taken over from the examples is listed, each with a reason", () => {
  const rows = readFileSync(new URL("exceptions/emdx.md", import.meta.url), "utf8")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  expect(rows.length).toBeGreaterThan(5);
  for (const cells of rows) {
    expect(cells).toHaveLength(3);
    for (const cell of cells) expect(cell).not.toBe("");
  }
});
