import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cursors } from "../../api/cursor.ts";
import { emdx } from "../../api/emdx/routes.ts";
import { grantsBy } from "../../api/grants.ts";
import { startLive } from "../../api/live.ts";
import { createRates } from "../../api/rates.ts";
import { Replays } from "../../api/replays.ts";
import { FakeCore } from "../support/core.ts";
import { json, type Loose, type Served, serveCore } from "../support/surface.ts";

const core = new FakeCore();
const access = { tokens: undefined, rates: createRates({ requests: 0, frames: 0 }, core.limits, core.meter), roles: core.roles };
const surface = emdx(
  { core, cursors: cursors("e", 2), grants: grantsBy("e"), live: startLive(core), replays: new Replays(core), access },
  { tenant: "default", strict: false },
);
const document = surface.document() as Loose;
let served: Served;
beforeAll(async () => {
  served = await serveCore(core);
});
afterAll(() => served.close());

/** Work that takes its time: a resource a kind (api/emdx/jobs.ts). */
const isJob = (name: string): boolean => /^\w+ \/(?:backtests|recomputes|rebuilds|archives|verifications)(?:\/|$)/.test(name);
const operations: [string, Loose][] = Object.entries<Loose>(document.paths).flatMap(([path, methods]) =>
  Object.entries<Loose>(methods).map(([method, operation]): [string, Loose] => [`${method.toUpperCase()} ${path}`, operation]),
);

describe("the OpenAPI document", () => {
  it("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(document)));
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
    const broken = { ...JSON.parse(JSON.stringify(document)), paths: { nowhere: { get: { responses: 5 } } } };
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });

  it("has the paths and methods that are answered, and no others", () => {
    const routed = surface.routes.routes
      .filter(({ method }) => method !== "ALL")
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    expect([...new Set(routed)].sort()).toEqual(operations.map(([name]) => name).sort());
    expect(operations.length).toBeGreaterThan(30);
  });

  it("is what is served, under every base that it names", async () => {
    expect(await json(await fetch(`${served.url}/openapi/emdx.json`))).toEqual(JSON.parse(JSON.stringify(document)));
    for (const { url } of document.servers) expect((await fetch(`${served.url}${url}/alerts?sensorId=a`)).status).toBe(200);
  });

  it("declares a table for every list, count and histogram, and a next page for every list that is cut off", () => {
    const isStream = (operation: Loose): boolean => "application/x-ndjson" in operation.responses["200"].content;
    for (const [name, operation] of operations.filter(
      ([name, operation]) => name.startsWith("GET") && !operation["x-websocket"] && !isStream(operation) && !isJob(name),
    )) {
      expect(Object.keys(operation.responses["200"].content), name).toEqual(["application/json", "text/csv"]);
      const parameters = operation.parameters.map((parameter: Loose) => parameter.name);
      expect(parameters, name).toContain("sensorId");
      if (!name.includes("/config/")) expect(operation.responses["200"].headers, name).toHaveProperty("Link");
    }
    const found = operations.filter(([name]) => isJob(name) && /\{id\}\/\w/.test(name));
    for (const [name, operation] of found) {
      expect(Object.keys(operation.responses["200"].content), name).toEqual(["application/json", "text/csv"]);
      expect(operation.responses["200"].headers, name).toHaveProperty("Link");
    }
    const paged = operations.filter(([, { parameters }]) => parameters?.some(({ name }: Loose) => name === "cursor")).map(([name]) => name);
    expect(paged.sort()).toEqual(
      [
        ...found.map(([name]) => name.slice("GET ".length)),
        "/alerts",
        "/alerts/fov",
        "/alerts/roi",
        "/alerts/tripwire",
        "/behavior",
        "/crossings",
        "/frames",
        "/stays",
      ]
        .map((path) => `GET ${path}`)
        .sort(),
    );
    expect(found).toHaveLength(3);
  });

  it("is reached from the root by way of its page", async () => {
    const root = await fetch(served.url, { redirect: "manual" });
    expect([root.status, root.headers.get("location")]).toEqual([302, "/reference/emdx"]);
    expect(await (await fetch(served.url)).text()).toContain("/alerts/count");
  });
});
