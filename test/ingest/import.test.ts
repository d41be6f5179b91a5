import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import type { Frame } from "../../domain/event.ts";
import type { Clock } from "../../domain/ports.ts";
import { ImportError, type ImportOptions, importFile } from "../../ingest/file.ts";
import { detectFormat } from "../../ingest/file-frames.ts";
import { isNotReceived } from "../../ingest/received.ts";
import type { Send } from "../../ingest/send.ts";
import { clockAt, frame, NOW, ndjson, openDoor } from "../support/frames.ts";

const folder = mkdtempSync(join(tmpdir(), "tallywire-import-"));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;
const file = (content: string | Uint8Array): string => {
  const path = join(folder, `${++files}.data`);
  writeFileSync(path, content);
  return path;
};
const lines = (...values: readonly unknown[]): string =>
  values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join("\n");
const numbered = (count: number): string =>
  lines(...Array.from({ length: count }, (_, i) => frame({ id: `f${i}`, timestamp: new Date(NOW - 1_000_000 + i * 40).toISOString() })));

/** A server that is a door; `before` may answer instead of it. */
const server = (before: (request: number) => Awaited<ReturnType<Send>> | Error | undefined = () => undefined) => {
  const door = openDoor();
  const requests: { frames: number; release: boolean }[] = [];
  const send: Send = async (body, release) => {
    const instead = before(requests.length + 1);
    requests.push({ frames: body.trim().split("\n").length, release });
    if (instead instanceof Error) throw instead;
    if (instead !== undefined) return instead;
    const answer = await door.receiver.receive("t1", { ...ndjson(body), release });
    if (isNotReceived(answer)) return { status: 503, retryAfter: undefined, answer };
    const { accepted, duplicates, rejected } = answer;
    return { status: accepted + duplicates > 0 ? 202 : 422, retryAfter: undefined, answer: { accepted, duplicates, rejected } };
  };
  return { door, requests, send };
};
/** A clock that sleeping moves. */
const moving = (): Clock & { slept: number[] } => {
  let now = NOW;
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    sleep: async (ms) => {
      slept.push(ms);
      now += ms;
    },
  };
};
const run = (path: string, send: Send, over: Partial<ImportOptions> = {}) =>
  importFile({ file: path, to: "http://127.0.0.1:1", clock: clockAt(NOW), send, progress: () => {}, ...over });
const frames = async (door: ReturnType<typeof openDoor>): Promise<Frame[]> => (await door.facts()).filter((fact) => fact.kind === "frame");

describe("an import", () => {
  it("sends every frame in bodies and ends by releasing each sensor", async () => {
    const { door, requests, send } = server();
    const path = file(lines(numbered(2500), frame({ sensorId: "cam-2", id: "x" })));
    expect(await run(path, send)).toEqual({
      frames: 2501,
      accepted: 2501,
      duplicates: 0,
      rejections: 0,
      rejected: [],
      sensors: ["cam-1", "cam-2"],
      resumedAt: 0,
    });
    expect(requests).toEqual([
      { frames: 1000, release: false },
      { frames: 1000, release: false },
      { frames: 501, release: false },
      { frames: 2, release: true },
    ]);
    expect(await frames(door)).toHaveLength(2501);
    expect(
      (await door.facts())
        .filter((fact) => fact.kind === "heartbeat")
        .map((fact) => [fact.camera, fact.frame.id])
        .sort(),
    ).toEqual([
      ["cam-1", "f2499"],
      ["cam-2", "x"],
    ]);
    expect(existsSync(`${path}.tallywire-import`)).toBe(false);
  });

  it("names the lines that are bad and sends the others", async () => {
    const { send } = server();
    const path = file(lines(frame({ id: "a" }), "", "{", frame({ id: "b", sensorId: "" }), frame({ id: "c" })));
    expect(await run(path, send, { format: "ndjson" })).toMatchObject({
      frames: 2,
      accepted: 2,
      rejections: 2,
      rejected: [
        { line: 3, detail: expect.stringMatching(/^is no JSON/) },
        { line: 4, detail: "sensorId: must not be empty" },
      ],
    });
  });

  it("tells what the server refuses by the line of the file, and goes on", async () => {
    const rejected = [{ line: 1, detail: "no" }];
    const { send } = server((request) =>
      request === 1
        ? { status: 422, retryAfter: undefined, answer: { detail: "nothing in it" } }
        : request === 2
          ? { status: 202, retryAfter: undefined, answer: { accepted: 499, duplicates: 0, rejected } }
          : undefined,
    );
    const result = await run(file(`\n${numbered(1500)}`), send);
    expect(result.rejections).toBe(1001);
    expect(result.rejected[0]).toEqual({ line: 2, detail: "422: nothing in it" });
    expect(result.rejected).toHaveLength(100);
  });

  it("waits as long as a busy server asks, and tries again where none answers", async () => {
    const { door, requests, send } = server((request) =>
      request <= 2 ? { status: 429, retryAfter: 3, answer: {} } : request === 3 ? new Error("connection refused") : undefined,
    );
    const clock = moving();
    expect(await run(file(numbered(3)), send, { clock })).toMatchObject({ accepted: 3 });
    expect(clock.slept).toEqual([3000, 3000, 400]);
    expect(requests).toHaveLength(5);
    expect(await frames(door)).toHaveLength(3);
  });

  it("gives up where no server ever answers, and on what waiting cannot mend", async () => {
    const clock = moving();
    await expect(run(file(numbered(3)), server(() => new Error("connection refused")).send, { clock })).rejects.toThrow(
      /no server takes the frames.*connection refused/,
    );
    await expect(
      run(file(numbered(3)), server(() => ({ status: 401, retryAfter: undefined, answer: { detail: "a token is needed" } })).send),
    ).rejects.toThrow("401: a token is needed");
  });

  it("goes on where an interrupted one stopped, and still releases every sensor", async () => {
    let down = true;
    const { door, requests, send } = server((request) =>
      down && request > 2 ? { status: 401, retryAfter: undefined, answer: {} } : undefined,
    );
    const path = file(lines(frame({ sensorId: "cam-0", id: "first" }), numbered(2999)));
    await expect(run(path, send)).rejects.toThrow(ImportError);
    expect(JSON.parse(readFileSync(`${path}.tallywire-import`, "utf8"))).toMatchObject({ frames: 2000 });
    down = false;
    requests.length = 0;
    expect(await run(path, send)).toMatchObject({ frames: 3000, accepted: 1000, duplicates: 0, resumedAt: 2000 });
    expect(requests).toEqual([
      { frames: 1000, release: false },
      { frames: 2, release: true },
    ]);
    expect(await frames(door)).toHaveLength(3000);
  });

  it.each(["{", '{"fingerprint":"other","frames":2}'])("starts anew beside a state file it cannot use: %s", async (state) => {
    const { send } = server();
    const path = file(numbered(5));
    writeFileSync(`${path}.tallywire-import`, state);
    expect(await run(path, send)).toMatchObject({ resumedAt: 0, accepted: 5 });
  });

  it("keeps a recording's own pace, or a multiple of it", async () => {
    for (const pace of [1, 4]) {
      const { send, requests } = server();
      const clock = moving();
      await run(file(numbered(26)), send, { clock, pace });
      expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBe(1000 / pace);
      expect(requests).toHaveLength(27);
    }
    await expect(run(file(numbered(1)), server().send, { pace: 0 })).rejects.toThrow("--pace must be above 0");
  });

  it("reads gzip, takes another sensor's name, and stops at a signal", async () => {
    const { door, send } = server();
    await run(file(gzipSync(numbered(10))), send, { sensor: "renamed" });
    expect(new Set((await frames(door)).map((one) => one.camera))).toEqual(new Set(["renamed"]));
    await expect(run(file(gzipSync(numbered(1000)).subarray(0, -500)), send, { format: "ndjson" })).rejects.toThrow("not whole gzip");
    await expect(run(file(numbered(10)), send, { signal: AbortSignal.abort() })).rejects.toThrow("goes on from here");
    await expect(run(join(folder, "nowhere"), send)).rejects.toThrow(
      new ImportError(`${join(folder, "nowhere")} cannot be read: ENOENT: no such file or directory, stat '${join(folder, "nowhere")}'`),
    );
  });

  it("speaks HTTP to a running server", async () => {
    const seen: { url: string | undefined; type: string | undefined; token: string | undefined; lines: number }[] = [];
    const http = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        const count = body.trim().split("\n").length;
        seen.push({ url: request.url, type: request.headers["content-type"], token: request.headers.authorization, lines: count });
        response
          .writeHead(seen.length === 1 ? 429 : 202, { "retry-after": "0" })
          .end(seen.length === 1 ? "busy" : JSON.stringify({ accepted: count, duplicates: 0, rejected: [] }));
      });
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    try {
      const to = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
      await importFile({ file: file(numbered(2)), to, token: "secret", clock: clockAt(NOW), progress: () => {} });
      const request = { type: "application/x-ndjson", token: "Bearer secret" };
      expect(seen).toEqual([
        { url: "/api/v2/frames", lines: 2, ...request },
        { url: "/api/v2/frames", lines: 2, ...request },
        { url: "/api/v2/frames?release=true", lines: 1, ...request },
      ]);
    } finally {
      http.close();
      http.closeAllConnections();
    }
  });
});

describe("a file's format", () => {
  const mot = "1,7,10,20,30,40,1,1,1\n2,7,11,20,30,40,1,1,1\n1,8,50,20,30,40,1,3,1\n2,8,x,20,30,40,1,3,1";
  const odc = JSON.stringify(
    [
      { frame_id: 3, objects: [{ id: 1, name: 'c"a[r', cx: 5, cy: 5, w: 2, h: 2 }] },
      { frame_id: 4, objects: [] },
    ],
    undefined,
    2,
  );
  const meva = lines(
    { sensorId: "a", ts: "2018-03-11T15:20:46.467Z", frame: 1, id: "1", type: "person", bbox: [1, 2, 3, 4] },
    { sensorId: "a", ts: "2018-03-11T15:20:46.467Z", frame: 1, id: 8331898984908335089n.toString(), type: "person", bbox: [1, 2, 3, 4] },
  );
  const deepstream = lines({ "@timestamp": "2026-01-01T11:00:00Z", sensorId: "d", id: 1, objects: ["1|1|2|3|4|Person|#|0.5"] });
  const clock = { sensor: "s", fps: 10, start: NOW - 60_000 };

  it.each([
    ["mot", mot],
    ["opendatacam", odc],
    ["meva", meva],
    ["deepstream", deepstream],
    ["ndjson", JSON.stringify([frame()])],
    ["ndjson", `\uFEFF${JSON.stringify(frame())}`],
  ])("%s is recognised", async (format, content) => {
    expect(await detectFormat(file(content))).toBe(format);
  });

  it.each(["hello", "{}", "[1,2]", ""])("is asked for where %j is in it", async (content) => {
    await expect(detectFormat(file(content))).rejects.toThrow(ImportError);
  });

  it("sorts MOT ground truth, which comes by track", async () => {
    const { door, send } = server();
    expect(await run(file(mot), send, clock)).toMatchObject({ frames: 2, rejections: 1, rejected: [{ line: 4 }] });
    expect((await frames(door)).map((one) => [one.timestamp - clock.start, one.objects.map(({ id, type }) => `${id} ${type}`)])).toEqual([
      [0, ["7 Pedestrian", "8 Car"]],
      [100, ["7 Pedestrian"]],
    ]);
  });

  it("reads OpenDataCam's array element by element, as its lines", async () => {
    for (const content of [odc, lines(...(JSON.parse(odc) as object[]))]) {
      const { door, send } = server();
      expect(await run(file(content), send, clock)).toMatchObject({ frames: 2, accepted: 2 });
      expect((await frames(door)).map((one) => [one.id, one.timestamp - clock.start, one.objects.length])).toEqual([
        ["3", 300, 1],
        ["4", 400, 0],
      ]);
    }
    await expect(run(file(odc.slice(0, -20)), server().send, clock)).rejects.toThrow("ends within element");
  });

  it("says which option it lacks", async () => {
    await expect(run(file(mot), server().send)).rejects.toThrow("a mot file needs --fps");
    await expect(run(file(mot), server().send, { fps: 10 })).rejects.toThrow("a mot file needs --sensor");
    await expect(run(file(odc), server().send, { fps: 10, sensor: "s" })).rejects.toThrow("a opendatacam file needs --start");
    await expect(run(file(mot), server().send, { ...clock, fps: 0 })).rejects.toThrow("--fps must be above 0");
  });
});
