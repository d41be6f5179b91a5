import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { Role } from "../../domain/roles.ts";
import { FakeCore } from "../support/core.ts";
import { anAlert, connect, json, type Served, serveCore } from "../support/surface.ts";

let served: Served;
afterEach(() => served.close());

const start = async (...roles: readonly Role[]): Promise<void> => {
  const core = new FakeCore();
  core.roles = roles;
  served = await serveCore(core);
};

/** Every operation of the document, as method and path. */
const operations = async (): Promise<readonly (readonly [method: string, path: string])[]> => {
  const { paths } = await json(await fetch(`${served.url}/openapi/emdx.json`));
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => [method.toUpperCase(), path.replace("{id}", "c")] as const),
  );
};
const asked = async (method: string, path: string): Promise<{ status: number; detail: string | undefined }> => {
  const body = method === "GET" ? {} : { body: "{}" };
  const answer = await fetch(`${served.url}/api/v2${path}`, { method, headers: { "user-type": "Admin" }, ...body });
  const text = await answer.text();
  return { status: answer.status, detail: text.startsWith("{") ? JSON.parse(text).detail : undefined };
};
const takesFacts = (path: string): boolean => path === "/frames" || path.endsWith("/state");

describe("a subscriber that comes from another process", () => {
  it("whose tail was ahead is told nothing again and nothing late: this one's tail comes up to its cursor first", async () => {
    const everything = encodeURIComponent(JSON.stringify([{ sensorId: "*", fov: { alertRuleTypes: ["*"] }, tripwires: [], rois: [] }]));
    const url = (at: Served, since = "") => `${at.url}/api/v2/alerts/ws?filter=${everything}${since && `&since=${since}`}`;
    const [first, second] = [new FakeCore(), new FakeCore()];
    served = await serveCore(first);
    const other = await serveCore(second);
    const peer = connect(url(served), ["tallywire.v1"]);
    await peer.until(() => peer.messages.length === 1);
    first.raise(anAlert(), anAlert());
    await peer.until(() => peer.messages.length === 2);
    // The same log; but the tail here has not been told of these two yet.
    second.log.push(...first.log);
    second.end = first.end;
    const moved = connect(url(other, peer.messages[1].cursor), ["tallywire.v1"]);
    await moved.until(() => moved.messages.length === 1);
    second.raise(anAlert());
    await moved.until(() => moved.messages.length === 2);
    second.raise(anAlert());
    await moved.until(() => moved.messages.length === 3);
    expect(moved.messages.slice(1).map(({ alerts, gap }) => [alerts.length, gap])).toEqual([
      [1, undefined],
      [1, undefined],
    ]);
    await other.close();
  });
});

describe("a process with some of the roles", () => {
  it.each<readonly [readonly Role[], (method: string, path: string) => boolean]>([
    [["engine", "projector"], () => false],
    [["ingest"], (method, path) => method === "POST" && takesFacts(path)],
    [["api", "engine"], (method, path) => !(method === "POST" && takesFacts(path))],
  ])("%j: answers its own routes, and 421 for every other", async (roles, serves) => {
    await start(...roles);
    const all = await operations();
    expect(all.length).toBeGreaterThan(20);
    for (const [method, path] of all) {
      const { status, detail } = await asked(method, path);
      if (serves(method, path)) expect([method, path, status]).not.toContain(421);
      else
        expect([method, path, status, detail]).toEqual([
          method,
          path,
          421,
          `This is served by a process with the role ${method === "POST" && takesFacts(path) ? "ingest" : "api"}; this one has ${roles.join(", ")}.`,
        ]);
    }
  });

  it("refuses a socket that another role serves, and what nobody serves is 404", async () => {
    await start("ingest", "projector");
    const socket = new WebSocket(`${served.url.replace("http", "ws")}/api/v2/alerts/ws`);
    expect(await new Promise((resolve) => socket.once("error", ({ message }) => resolve(message)))).toContain("421");
    expect((await fetch(`${served.url}/api/v2/nowhere`)).status).toBe(404);
  });

  it("is asked after its health like any other, and says what it does", async () => {
    await start("projector");
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
    expect(await json(await fetch(`${served.url}/readyz`))).toMatchObject({ status: "ok", roles: ["projector"] });
    expect((await fetch(`${served.url}/metrics`)).status).toBe(200);
  });
});
