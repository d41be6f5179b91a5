/** A surface behind a real server, its answers checked against its own OpenAPI document. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { WebSocket } from "ws";
import { z } from "zod";
import { type App, type AppOptions, createApp } from "../../api/app.ts";
import type { Alert } from "../../domain/event.ts";
import type { FakeCore } from "./core.ts";

// biome-ignore lint/suspicious/noExplicitAny: what came over the wire; its shape is what is tested.
export type Loose = any;

export type Served = { readonly url: string; readonly app: App; readonly server: Server; close(): Promise<void> };

/** Tokens off, and nothing held up. */
export const openOptions: AppOptions = {
  tenant: "default",
  ivmsTenant: "default",
  ivmsZone: "UTC",
  publicUrl: undefined,
  strict: false,
  metricsAuth: undefined,
  rates: { requests: 0, frames: 0 },
  origins: [],
  loopbackOnly: false,
};

export const serveCore = async (core: FakeCore, options: Partial<AppOptions> = {}): Promise<Served> => {
  const app = createApp(core, { ...openOptions, ...options });
  const server = createServer(app.serverOptions, getRequestListener(app.fetch));
  app.attach(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, app, server, close: () => app.close(200) };
};

export const json = async (response: Response): Promise<Loose> => JSON.parse(await response.text());

type Operation = { readonly responses: Record<string, { readonly content?: Record<string, { readonly schema?: object }> }> };
type Document = {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
};

/** Calls, and says how the answer breaks the schema that the document gives for it; an undeclared status or type is a break too. */
export const declared = async (
  document: Document,
  method: string,
  path: string,
  response: Response,
): Promise<{ body: Loose; fault: string | undefined }> => {
  const text = await response.clone().text();
  const type = (response.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const schema = document.paths[path]?.[method.toLowerCase()]?.responses[String(response.status)]?.content?.[type]?.schema;
  if (schema === undefined) return { body: text, fault: `${response.status} ${type} is not declared for ${method} ${path}` };
  // Lines of JSON are no JSON.
  if (!/[/+]json$/.test(type)) return { body: text, fault: undefined };
  const body: unknown = JSON.parse(text);
  const whole = JSON.parse(
    JSON.stringify({ ...schema, $defs: document.components.schemas }).replaceAll("#/components/schemas/", "#/$defs/"),
  );
  const read = z.fromJSONSchema(whole).safeParse(body);
  return { body, fault: read.success ? undefined : JSON.stringify(read.error.issues) };
};

/** What is to be told comes in its time, on a busy machine too. */
const TOLD_MS = 20_000;

/** A socket that keeps what it was told. */
export const connect = (url: string, protocols: string[] = []) => {
  const socket = new WebSocket(url.replace("http", "ws"), protocols);
  const messages: Loose[] = [];
  socket.on("message", (data, isBinary) => messages.push(isBinary ? "binary" : JSON.parse(data.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })),
  );
  const opened = new Promise<void>((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const until = async (ready: () => boolean): Promise<void> => {
    for (const end = Date.now() + TOLD_MS; !ready(); ) {
      if (Date.now() > end) throw new Error(`not told in time; so far ${JSON.stringify(messages).slice(0, 500)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  return { socket, messages, closed, opened, until };
};

let ids = 0;
export const anAlert = (own: Partial<Alert> = {}): Alert => {
  const end = own.end ?? Date.parse("2021-09-16T06:06:59.534Z");
  const frame = { timestamp: end, id: "f-1", modelVersion: undefined };
  return {
    kind: "alert",
    tenant: "default",
    camera: "Amcrest_3",
    receivedAt: end,
    id: `00000000-0000-5000-8000-${String(++ids).padStart(12, "0")}`,
    revision: 0,
    retracted: false,
    ruleId: "78956",
    ruleName: "lobby entry/exits",
    ruleType: "increment",
    ruleVersion: 3,
    severity: "warning",
    place: { analytic: "fov", id: own.camera ?? "Amcrest_3", epoch: 0 },
    placeName: "",
    direction: "entry",
    count: 10,
    start: end - 734,
    end,
    raisedAt: end,
    description: "10 people entered fov",
    objects: [{ id: "1186", type: "Person", bbox: { leftX: 0, topY: 0, rightX: 1, bottomY: 1 }, confidence: 0.9, info: undefined }],
    cause: { from: frame, to: frame },
    ...own,
  };
};

/** Raises large alerts until a socket is closed because its peer is too slow. */
export const flood = async (core: FakeCore): Promise<void> => {
  const description = "x".repeat(32 * 1024);
  for (let i = 0; i < 500 && !core.counted.includes("tallywire_slow_sockets_total"); i++) {
    core.raise(...Array.from({ length: 20 }, () => anAlert({ description })));
    await new Promise((resolve) => setImmediate(resolve));
  }
};
