/** A whole server with films, tokens off, for tests: its cameras on loopback. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { processesSeen } from "../support/media.ts";
import type { Loose } from "../support/surface.ts";

export type VideoServer = {
  readonly data: string;
  readonly url: () => string;
  readonly running: () => RunningServer;
  /** Lines of its log. */
  readonly lines: string[];
  restart(): Promise<void>;
  call(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: Loose }>;
  ivms(path: string): Promise<{ readonly status: number; readonly body: Loose }>;
  /** Resolves with its channel. */
  camera(id: string, url: string, record?: boolean): Promise<number>;
  stop(): Promise<void>;
};

export const startVideoServer = async (env: Readonly<Record<string, string>> = {}, data?: string): Promise<VideoServer> => {
  const dir = data ?? (await mkdtemp(join(tmpdir(), "tallywire-video-")));
  const lines: string[] = [];
  const start = (): Promise<RunningServer> =>
    startServer({
      data: dir,
      env: {
        TALLYWIRE_RTSP_ALLOW: "127.0.0.0/8",
        TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes and no less",
        TALLYWIRE_RECORD_FREE_BYTES: "0",
        ...env,
      },
      onLine: (line) => lines.push(line),
    });
  let running = await start();
  const call: VideoServer["call"] = async (method, path, body) => {
    const headers = { "content-type": "application/json", "user-type": "Admin" };
    const answer = await fetch(running.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    const text = await answer.text();
    return { status: answer.status, body: (answer.headers.get("content-type") ?? "").includes("json") ? JSON.parse(text) : text };
  };
  return {
    data: dir,
    url: () => running.url,
    running: () => running,
    lines,
    restart: async () => {
      running = await start();
    },
    call,
    ivms: (path) => call("GET", `/REST/local/${path}`),
    camera: async (id, url, record = false) => {
      const { status, body } = await call("POST", "/v2/api/cameras", { id, name: id, rtsp_url: url, record });
      if (status !== 201) throw new Error(`${id}: ${JSON.stringify(body)}`);
      return body.channel;
    },
    stop: async () => {
      // Cleanly, whatever films are made: 0 says that all was saved.
      const code = await running.stop();
      if (code !== 0) throw new Error(`the server ended with ${code}: ${lines.at(-1)}`);
      if (data === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Polls until there is something. */
export const until = async <T>(what: string, look: () => Promise<T | undefined> | T | undefined, ms = 60_000): Promise<T> => {
  for (const end = Date.now() + ms; ; await sleep(100)) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`it did not come to that: ${what}`);
  }
};

/** ffmpeg processes that belong to a data folder, whoever started them. */
export const ffmpegsOf = async (data: string): Promise<readonly number[]> =>
  (await processesSeen()).filter(({ cmdline }) => /(^|\/)ff(mpeg|probe)\0/.test(cmdline) && cmdline.includes(data)).map(({ pid }) => pid);

/** Three frames with one person from now on. Says when. */
export const see = async (server: VideoServer, sensorId: string): Promise<string> => {
  const now = Date.now();
  const frames = [0, 1, 2].map((i) => ({
    sensorId,
    timestamp: new Date(now - 200 + i * 100).toISOString(),
    id: `${now}-${i}`,
    objects: [{ id: `p${now}`, type: "Person", confidence: 0.9, bbox: { leftX: 10, topY: 10, rightX: 50, bottomY: 90 } }],
  }));
  const { status, body } = await server.call("POST", "/api/v2/frames", frames);
  if (status !== 202) throw new Error(JSON.stringify(body));
  return body.position;
};
