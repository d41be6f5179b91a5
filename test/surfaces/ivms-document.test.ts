import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FakeCore } from "../support/core.ts";
import type { Loose } from "../support/surface.ts";
import { LOCAL, type Opened, openIvms, SERVER } from "./ivms-calls.ts";

let ivms: Opened;
let operations: [string, Loose][];
beforeAll(async () => {
  ivms = await openIvms(new FakeCore());
  operations = Object.entries<Loose>(ivms.document.paths).flatMap(([path, methods]) =>
    Object.entries<Loose>(methods).map(([method, operation]): [string, Loose] => [`${method.toUpperCase()} ${path}`, operation]),
  );
});
afterAll(() => ivms.close());

describe("the OpenAPI document of ivms", () => {
  it("is valid OpenAPI 3.1", async () => {
    const { valid, errors } = await new Validator().validate(ivms.document);
    expect(errors ?? []).toEqual([]);
    expect(valid).toBe(true);
  });

  it("has the paths of the published interface, and ours", () => {
    const size = "{channel}/{width}/{height}";
    const paths = [
      ...["channel", "channel/count", "channel/status", "channel/{channelid}"].map((path) => `GET ${LOCAL}/${path}`),
      ...["GET", "POST"].flatMap((method) => [
        `${method} ${LOCAL}/startlive/${size}/{audio}`,
        `${method} ${LOCAL}/startarchive/${size}/{starttimestamp}/{audio}`,
        `${method} /REST/locla/startarchive/${size}/{starttimestamp}/{audio}`,
      ]),
      ...["live", "archive"].flatMap((kind) =>
        [`${kind}/keepalive/{id}`, `stop${kind}/{id}`, `${kind}/{id}`].map((path) => `GET ${LOCAL}/${path}`),
      ),
      ...["snap", "clip"].map((what) => `GET ${LOCAL}/event/{eventid}/${what}`),
      `GET ${LOCAL}/hls/{grant}/{file}`,
      "GET /notification",
    ];
    expect(operations.map(([name]) => name).sort()).toEqual(paths.sort());
  });

  it("is served under every base that it names", async () => {
    expect(ivms.document.servers.map(({ url }: Loose) => url)).toEqual(["", SERVER]);
    for (const { url } of ivms.document.servers) expect((await ivms.call(`${url}${LOCAL}/channel`)).status).toBe(200);
  });

  it("declares every parameter of a path, a token in the address, and one shape for every refusal", () => {
    for (const [name, { parameters = [], responses }] of operations.filter(([, operation]) => !operation["x-websocket"])) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
      expect(
        parameters.filter((one: Loose) => one.in === "path").map((one: Loose) => one.name),
        name,
      ).toEqual(inPath);
      if (!name.includes("/hls/"))
        expect(
          parameters.map((one: Loose) => one.name),
          name,
        ).toContain("token");
      const refused = Object.entries<Loose>(responses).filter(([status]) => status !== "200");
      expect(refused.length, name).toBeGreaterThan(3);
      for (const [status, { content }] of refused)
        expect([name, status, content]).toEqual([
          name,
          status,
          { "application/json": { schema: { $ref: "#/components/schemas/Refused" } } },
        ]);
    }
  });

  it("wants the scopes that it says, and none for the files of a player", () => {
    const scopeOf = (path: string) => operations.find(([name]) => name === `GET ${LOCAL}/${path}`)?.[1].security;
    expect(scopeOf("channel")).toEqual([{ bearer: ["cameras:read"] }]);
    expect(scopeOf("event/{eventid}/snap")).toEqual([{ bearer: ["playback:read"] }]);
    expect(scopeOf("live/{id}")).toEqual([{ bearer: ["playback:read"] }]);
    expect(scopeOf("hls/{grant}/{file}")).toEqual([]);
  });
});
