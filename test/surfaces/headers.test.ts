/** What a browser is told and what it may: headers, origins, names. */
import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { AppOptions } from "../../api/app.ts";
import { isLoopbackOnly, readConfig } from "../../config.ts";
import { FakeCore } from "../support/core.ts";
import { FakeTokens } from "../support/fake-tokens.ts";
import { anAlert, type Served, serveCore } from "../support/surface.ts";

let core: FakeCore;
let served: Served;
const start = async (options: Partial<AppOptions> = {}): Promise<void> => {
  core = new FakeCore();
  served = await serveCore(core, options);
};
afterEach(() => served.close());

const alerts = "/api/v2/alerts?sensorId=Amcrest_3";
const socketPath = "/api/v2/alerts/ws?filter=[]";
const securing = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
type Told = { readonly status: number; readonly headers: Readonly<Record<string, string | readonly string[] | undefined>> };
/** fetch sets Host and Origin by itself. */
const ask = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Told> =>
  new Promise((resolve, reject) => {
    const asked = request(served.url + path, { method, headers }, (answer) => {
      answer.resume();
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
    });
    asked.on("error", reject);
    asked.end();
  });
const upgrade = (headers: Record<string, string> = {}, path = socketPath): Promise<Told> =>
  new Promise((resolve) => {
    const socket = new WebSocket(served.url.replace("http", "ws") + path, { headers });
    socket.once("open", () => resolve({ status: 101, headers: {} }));
    socket.once("unexpected-response", (_, answer) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers }));
  });

describe("every answer", () => {
  it.each([
    ["of a surface", "GET", alerts, 200],
    ["that refuses", "GET", "/api/v2/alerts", 422],
    ["of nothing", "GET", "/nothing", 404],
    ["to a wrong method", "PUT", "/api/v2/alerts", 405],
    ["where a socket is", "GET", "/api/v2/alerts/ws", 426],
    ["of health", "GET", "/healthz", 200],
    ["of metrics", "GET", "/metrics", 200],
    ["of a document", "GET", "/openapi/emdx.json", 200],
  ])("%s is not to be run, framed, guessed at or kept", async (_, method, path, status) => {
    await start();
    const told = await ask(path, {}, method);
    expect(told.status).toBe(status);
    expect(told.headers).toMatchObject(securing);
    expect(Object.keys(told.headers).filter((name) => /powered|server$|strict-transport/.test(name))).toEqual([]);
  });

  it("to an upgrade that is refused, and to what is no HTTP, says so too", async () => {
    await start();
    expect(await upgrade({}, "/nothing")).toMatchObject({ status: 404, headers: securing });
    expect(await ask("/healthz", { "x-large": "y".repeat(core.limits.headBytes) })).toMatchObject({ status: 431, headers: securing });
  });

  it("keeps what it says itself: a reference page may have its style", async () => {
    await start();
    const { headers } = await ask("/reference/emdx");
    expect(headers).toMatchObject({
      ...securing,
      "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    });
  });

  it("links to the next page without a token, should one stand in the address", async () => {
    await start();
    core.raise(anAlert(), anAlert());
    const { headers } = await ask(`${alerts}&limit=1&token=secret`);
    expect(headers.link).toMatch(/^<\/api\/v2\/alerts\?sensorId=Amcrest_3&limit=1&cursor=[\w-]+>; rel="next"$/);
  });
});

const page = "https://console.example.com";
const cors = ({ headers }: Told) => Object.keys(headers).filter((name) => name.startsWith("access-control-"));

describe("a page of another origin", () => {
  it("reads nothing unless it is allowed to: there is no header for it", async () => {
    await start();
    const told = await ask(alerts, { origin: page });
    expect([told.status, cors(told)]).toEqual([200, []]);
    const preflight = await ask(alerts, { origin: page, "access-control-request-method": "GET" }, "OPTIONS");
    expect([preflight.status, cors(preflight)]).toEqual([405, []]);
  });

  it("that is allowed to may read answers, refusals too, and send a token; no other may", async () => {
    await start({ origins: [page, "http://localhost:5173"] });
    for (const [path, status] of [
      [alerts, 200],
      ["/api/v2/alerts", 422],
      ["/nothing", 404],
    ] as const) {
      const told = await ask(path, { origin: page });
      expect([told.status, told.headers["access-control-allow-origin"]]).toEqual([status, page]);
      expect(told.headers["access-control-expose-headers"]).toBe("Link,Tallywire-Position,Tallywire-Uptime,Retry-After");
      expect(told.headers["access-control-allow-credentials"]).toBeUndefined();
      expect(told.headers.vary).toContain("Origin");
      expect(told.headers).toMatchObject(securing);
      expect((await ask(path, { origin: "https://example.com" })).headers["access-control-allow-origin"]).toBeUndefined();
    }
    const preflight = await ask(
      "/api/v2/config/roi",
      { origin: page, "access-control-request-method": "DELETE", "access-control-request-headers": "authorization" },
      "OPTIONS",
    );
    expect(preflight.status).toBe(204);
    expect(preflight.headers["access-control-allow-origin"]).toBe(page);
    expect(preflight.headers["access-control-allow-methods"]).toContain("DELETE");
    expect(preflight.headers["access-control-allow-headers"]).toBe("Authorization,Content-Type,User-Type");
  });

  it("changes nothing while tokens are off, although browsers send a text without asking; our own may, and programs", async () => {
    await start({ origins: [page] });
    const write = (headers: Record<string, string>, path = "/api/v2/frames") =>
      ask(path, { "content-type": "text/plain", ...headers }, "POST").then(({ status }) => status);
    for (const origin of ["https://example.com", "null", "http://127.0.0.1:1"])
      for (const path of ["/api/v2/frames", "/v2/api/cameras", "/nothing"])
        expect([path, await write({ origin }, path)]).toEqual([path, 403]);
    expect(core.incoming).toEqual([]);
    for (const origin of [page, served.url]) expect(await write({ origin })).toBe(202);
    expect(await write({})).toBe(202);
    expect((await ask(alerts, { origin: "https://example.com" })).status).toBe(200);
    await served.close();
    await start({ tokens: new FakeTokens() });
    // A token goes along only where the page has it, and was allowed to send it.
    expect(await write({ origin: "https://example.com" })).toBe(401);
  });

  it("may whatever it is where all are", async () => {
    await start({ origins: ["*"] });
    expect((await ask(alerts, { origin: page })).headers["access-control-allow-origin"]).toBe("*");
    expect((await upgrade({ origin: page })).status).toBe(101);
  });

  it("opens no socket unless it is allowed to or the host's own; a program, which has no origin, does", async () => {
    await start({ origins: [page] });
    const { host } = new URL(served.url);
    const table: readonly (readonly [Record<string, string>, number])[] = [
      [{}, 101],
      [{ origin: page }, 101],
      [{ origin: served.url }, 101],
      [{ origin: `https://${host}` }, 101],
      [{ origin: "https://vms.example.com", host: "vms.example.com" }, 101],
      [{ origin: "https://vms.example.com", host: "vms.example.com:443" }, 101],
      [{ origin: "http://vms.example.com", host: "VMS.example.com:80" }, 101],
      [{ origin: "https://vms.example.com", host: "vms.example.com:80" }, 403],
      [{ origin: "https://example.com" }, 403],
      [{ origin: `${page}:8443` }, 403],
      [{ origin: `${page}.example.org` }, 403],
      [{ origin: `http://${host}.example.org` }, 403],
      [{ origin: "http://127.0.0.1:1" }, 403],
      [{ origin: "null" }, 403],
      [{ origin: "file://" }, 403],
      [{ origin: "" }, 403],
    ];
    for (const [headers, status] of table) expect([headers, (await upgrade(headers)).status]).toEqual([headers, status]);
  });
});

describe("while tokens are off and the address is loopback", () => {
  const names: readonly (readonly [string, boolean])[] = [
    ["localhost", true],
    ["LOCALHOST:8080", true],
    ["127.0.0.1:8080", true],
    ["127.1.2.3", true],
    ["[::1]:8080", true],
    ["[::ffff:7f00:1]", true],
    ["evil.example.com", false],
    ["localhost.evil.example.com", false],
    ["127.0.0.1.evil.example.com", false],
    ["evil.example.com:8080", false],
    ["[::2]", false],
    ["[2002:7f00:1::]", false],
  ];

  it("another name than loopback's is 421, for requests, metrics, pages and sockets", async () => {
    await start({ loopbackOnly: true });
    for (const [host, isOurs] of names) {
      for (const path of [alerts, "/metrics", "/openapi/emdx.json", "/nothing/../healthz"])
        expect([host, path, (await ask(path, { host })).status === 421]).toEqual([host, path, !isOurs]);
      expect([host, (await upgrade({ host })).status]).toEqual([host, isOurs ? 101 : 421]);
    }
  });

  it("any name will do where the address is another, or where it was allowed", async () => {
    await start();
    for (const [host] of names) expect((await ask(alerts, { host })).status).toBe(200);
    expect(isLoopbackOnly(readConfig({}))).toBe(true);
    expect(isLoopbackOnly(readConfig({ TALLYWIRE_INSECURE_BIND: "true" }))).toBe(false);
    expect(isLoopbackOnly(readConfig({ TALLYWIRE_HOST: "0.0.0.0", TALLYWIRE_INSECURE_BIND: "true" }))).toBe(false);
  });
});

describe("the setting of origins", () => {
  it("takes exact origins, and all of them only with tokens", () => {
    const read = (text: string, more = {}) => readConfig({ TALLYWIRE_CORS_ORIGINS: text, ...more }).CORS_ORIGINS;
    expect(read("")).toEqual([]);
    expect(read("https://a.example.com, http://localhost:5173")).toEqual(["https://a.example.com", "http://localhost:5173"]);
    for (const text of ["example.com", "https://example.com/", "https://example.com:443", "https://*.example.com/x", "null", "*"])
      expect(() => read(text), text).toThrow("TALLYWIRE_CORS_ORIGINS");
    const on = {
      TALLYWIRE_TOKENS: "on",
      TALLYWIRE_JWT_SECRET: "x".repeat(32),
      TALLYWIRE_JWT_ISSUER: "i",
      TALLYWIRE_JWT_AUDIENCE: "a",
    };
    expect(read("*", on)).toEqual(["*"]);
  });
});
