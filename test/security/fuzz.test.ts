import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createVerdicts } from "./answers.ts";
import { type OpenDocument, operationsIn, readDocuments } from "./documents.ts";
import { type Fuzzed, fuzz } from "./fuzz.ts";
import { type Guarded, startGuarded } from "./guarded-server.ts";
import { faultsAfter } from "./well-being.ts";

/** For each document; `npm run fuzz` makes more. */
const REQUESTS = 250;

let data: string;
let server: Guarded;
let documents: ReadonlyMap<string, OpenDocument>;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-fuzz-"));
  server = await startGuarded(data);
  documents = await readDocuments(server.url);
});
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

describe("whatever is asked", () => {
  let fuzzed: Fuzzed;
  it("is answered as the documents declare it, never with a 5xx, and leaves the server well", { timeout: 300_000 }, async () => {
    fuzzed = await fuzz(server, { requests: REQUESTS, seed: 7 });
    expect(await faultsAfter(server, fuzzed)).toEqual([]);
  });

  it("is every operation of every document, let succeed and refused", () => {
    expect(fuzzed.tried.map(({ surface, name }) => `${surface} ${name}`).sort()).toEqual(
      operationsIn(documents)
        .map(({ surface, name }) => `${surface} ${name}`)
        .sort(),
    );
    const statuses = new Set(fuzzed.tried.flatMap((one) => [...one.statuses.keys()]));
    expect([...statuses]).toEqual(expect.arrayContaining([101, 200, 201, 202, 204, 401, 404, 422, 426]));
  });
});

describe("an answer", () => {
  it("with a status, a type or a member that the document does not declare is a fault", () => {
    const verdict = createVerdicts(documents);
    const operation = operationsIn(documents).find(({ name }) => name === "GET /api/tenant");
    if (operation === undefined) throw new Error("the operation is gone");
    const body = { tenant_id: "a", camera_limit: 1, features: [], cameras: 0 };
    const faultOf = (status: number, sent: unknown, type = "application/json"): string | undefined =>
      verdict(operation, { status, headers: { "content-type": type }, body: Buffer.from(JSON.stringify(sent)) }, false).fault;
    expect(faultOf(200, body)).toBeUndefined();
    expect(faultOf(200, { ...body, rtsp_url: "rtsp://" })).toMatch(/additional properties/);
    expect(faultOf(200, { ...body, cameras: "0" })).toMatch(/must be integer/);
    expect(faultOf(200, body, "text/html")).toMatch(/type text\/html is not declared/);
    expect(faultOf(418, body)).toMatch(/418 application\/json is not declared/);
    expect(faultOf(404, {}, "application/problem+json")).toMatch(/404 .* is not declared/);
  });
});
