import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";

const TRIES = 12;
const MIB = 1024 * 1024;
const body = Buffer.alloc(9 * MIB, " ");

let data: string;
let server: RunningServer;
beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-large-"));
  server = await startServer({ data });
});
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

const send = (init: RequestInit): Promise<unknown> =>
  fetch(`${server.url}/api/v2/frames`, { method: "POST", headers: { "content-type": "application/json" }, ...init }).then(
    ({ status }) => status,
    (error: Error) => error.cause,
  );

// A process of its own: in the sender's own the sender has always written all before it hears anything.
describe("a body that is too large", () => {
  it("is answered 413 to who is still sending it, not with a broken pipe", async () => {
    for (let i = 0; i < TRIES; i++) expect(await send({ body })).toBe(413);
  });

  it("is so too when its size was not told before", async () => {
    const chunks = () =>
      new ReadableStream({
        start: (controller) => {
          for (let i = 0; i < 9; i++) controller.enqueue(body.subarray(0, MIB));
          controller.close();
        },
      });
    for (let i = 0; i < TRIES; i++) expect(await send({ body: chunks(), duplex: "half" } as RequestInit)).toBe(413);
  });
});
