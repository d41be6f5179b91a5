/** ivms behind a real server; each answer is held against the document. Called by hand: fetch would tidy up an address. */
import { request } from "node:http";
import { expect } from "vitest";
import type { AppOptions } from "../../api/app.ts";
import { isRefusal } from "../../domain/decider.ts";
import type { Said } from "../../domain/registry.ts";
import type { FakeCore } from "../support/core.ts";
import { declared, json, type Loose, type Served, serveCore } from "../support/surface.ts";

export const LOCAL = "/REST/local";
export const SERVER = "/V-Pro-IVMS-APIServer";

type Asked = {
  readonly method?: string;
  readonly headers?: Record<string, string> /** Of the document; else the first that fits. */;
  readonly as?: string;
};
export type Told = { readonly status: number; readonly headers: Headers; readonly body: Loose };

const send = (url: string, target: string, { method = "GET", headers = {} }: Asked): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    request({ hostname, port, path: target, method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const told = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
        resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 0, headers: told }));
      });
      answer.on("error", reject);
    })
      .on("error", reject)
      .end();
  });

export const openIvms = async (core: FakeCore, options: Partial<AppOptions> = {}) => {
  const served: Served = await serveCore(core, options);
  const document: Loose = await json(await fetch(`${served.url}/openapi/ivms.json`));
  const templateOf = (target: string): string => {
    const path = (target.split("?")[0] ?? "").replace(SERVER, "");
    const fits = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path);
    return Object.keys(document.paths).find(fits) ?? "";
  };
  const call = async (target: string, asked: Asked = {}): Promise<Told> => {
    const response = await send(served.url, target, asked);
    const { body, fault } = await declared(document, asked.method ?? "GET", asked.as ?? templateOf(target), response);
    expect(fault, `${target} ${JSON.stringify(body)}`).toBeUndefined();
    if (response.headers.get("content-type") === "application/json") expect(body.code).toBe(response.status);
    return { status: response.status, headers: response.headers, body };
  };
  return { url: served.url, document, call, close: served.close };
};
export type Opened = Awaited<ReturnType<typeof openIvms>>;

export const create = async (core: FakeCore, camera: string, said: Said = {}, tenant = "default"): Promise<void> => {
  const done = await core.registry.create({ tenant, camera }, said, { subject: undefined, cameraLimit: undefined, features: undefined });
  if (isRefusal(done)) throw new Error(done.detail);
};
