import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { Files } from "../canary/files.ts";
import { formsOf, lookIn } from "../canary/forms.ts";
import { CANARY, canaryUrls } from "../support/canary.ts";

const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));
const run = promisify(execFile);
const forms = formsOf(CANARY);
const [OLD_KEY, NEW_KEY] = ["the-first-key-of-this-test-0123456789", "the-next-key-of-this-test-9876543210"];
const ALLOW = "127.0.0.1/32,10.0.0.0/8";

let data: string;
let folder: string;
let server: RunningServer;
/** All that anybody was told: answers with their headers, and lines. */
const told: string[] = [];

const start = async (keys: string): Promise<void> => {
  const env = { TALLYWIRE_SECRET_KEY: keys, TALLYWIRE_RTSP_ALLOW: ALLOW, TALLYWIRE_LOG_LEVEL: "debug", TALLYWIRE_WAREHOUSE: "chdb:" };
  server = await startServer({ data, env, onLine: (line) => told.push(line) });
};

type Answer = { readonly status: number; readonly body: Record<string, unknown>; readonly text: string };
const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
  const answer = await fetch(server.url + path, {
    method,
    headers: { "content-type": "application/json", "user-type": "Admin" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  told.push(text, JSON.stringify([...answer.headers]), answer.statusText);
  return { status: answer.status, body: text.startsWith("{") ? JSON.parse(text) : {}, text };
};
const create = (id: string, rtsp_url: string): Promise<Answer> => call("POST", "/v2/api/cameras", { id, name: id, rtsp_url });

/** Without the canary in what a failing test would print. */
const seenIn = (texts: readonly string[]): readonly string[] => [
  ...new Set(texts.flatMap((text) => lookIn(Buffer.from(text), forms).sights.map(({ form }) => form))),
];
const seenInFiles = async (): Promise<readonly string[]> => {
  const files = new Files(join(folder, "kept"), forms);
  await files.look([data], true);
  expect(files.figures.bytes).toBeGreaterThan(10_000);
  return files.sights.map(({ path, form }) => `${path}: ${form}`);
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tallywire-password-"));
  data = join(folder, "data");
  await start(OLD_KEY);
});
afterAll(async () => {
  server.process.kill("SIGKILL");
  await server.ended;
  await rm(folder, { recursive: true, force: true });
});

describe("the password in a camera's address", () => {
  it("is masked in every answer, wherever in the address it stands", async () => {
    for (const [id, url] of Object.entries(canaryUrls)) {
      const { status, body } = await create(id, url());
      expect([id, status]).toEqual([id, 201]);
      expect(body.rtsp_url).toMatch(/\*\*\*/);
      expect((await call("GET", `/v2/api/cameras/${id}`)).body.rtsp_url).toBe(body.rtsp_url);
    }
    const { text } = await call("GET", "/v2/api/cameras");
    expect(JSON.parse(text)).toHaveLength(Object.keys(canaryUrls).length);
  });

  it("is quoted in no refusal, whatever is wrong with the address it stands in", async () => {
    const wrong = [
      canaryUrls.userinfo("8.8.8.8"),
      canaryUrls.userinfo("127.0.0.2"),
      canaryUrls.userinfo("169.254.169.254"),
      canaryUrls.userinfo("[::1]"),
      canaryUrls.userinfo(new URL(server.url).host),
      canaryUrls.userinfo("no-such-camera.invalid"),
      canaryUrls.userinfo(""),
      canaryUrls.userinfo("a b"),
      `http://user:${CANARY}@10.0.0.4/`,
      `rtsp://user:${CANARY}`,
      `rtsp://user:${CANARY}@${CANARY}@10.0.0.4/`,
      `rtsp://user:/${CANARY}@10.0.0.4/`,
      `rtsp://10.0.0.4/#${CANARY}`,
      `rtsp://${CANARY}.invalid/`,
      CANARY,
      canaryUrls.userinfo("10.0.0.4") + "a".repeat(5000),
    ];
    for (const url of wrong) {
      expect((await create("wrong", url)).status).toBe(422);
      expect((await call("PATCH", "/v2/api/cameras/userinfo", { rtsp_url: url })).status).toBe(422);
    }
    // Where the body itself is wrong.
    const body = JSON.stringify({ name: "a", rtsp_url: canaryUrls.userinfo() });
    for (const broken of [body.slice(0, -1), `${body}x`, body.replace('"name"', "name"), body.replace("{", `{"unknown":1,`)])
      expect([400, 422]).toContain((await call("POST", "/v2/api/cameras", broken)).status);
    expect((await call("PATCH", "/v2/api/cameras/none", { rtsp_url: canaryUrls.userinfo() })).status).toBe(404);
    expect((await create("userinfo", canaryUrls.userinfo())).status).toBe(409);
  });

  it("is not kept of what a vendor's system tells of a camera", async () => {
    const event = { camera_id: "userinfo", camera_name: "Door", camera_url: canaryUrls.userinfo(), change: "camera_streaming" };
    const tell = (body: object) => call("POST", "/api/v2/cameras/userinfo/state", body);
    expect((await tell({ alert_type: "camera_status_change", event })).status).toBe(202);
    expect((await tell({ alert_type: "camera_status_change", event: { ...event, change: 7 } })).status).toBe(422);
    expect(seenIn(told)).toEqual([]);
  });

  it("stays as it is when the masked form is written back, and is not replaced by the mask", async () => {
    const { body } = await call("GET", "/v2/api/cameras/userinfo");
    expect(await call("PATCH", "/v2/api/cameras/userinfo", { name: "Door", rtsp_url: body.rtsp_url })).toMatchObject({ status: 200 });
    expect(await call("PATCH", "/v2/api/cameras/userinfo", { rtsp_url: String(body.rtsp_url).replace("8554", "8555") })).toMatchObject({
      status: 422,
    });
    expect((await call("GET", "/v2/api/cameras/userinfo")).body).toMatchObject({ name: "Door", rtsp_url: body.rtsp_url });
  });

  it("stands in no audit, no metric, no other answer and no line of the journal", async () => {
    const paths = [
      "/v2/api/audit",
      "/v2/api/tenant",
      "/v2/api/events",
      "/metrics",
      "/readyz",
      "/v2/health",
      "/v2/health/ready",
      "/openapi/myvms.json",
    ];
    for (const path of paths) await call("GET", path);
    expect((await call("GET", "/v2/api/audit")).text).toMatch(/userinfo/);
    expect((await call("DELETE", "/v2/api/cameras/user")).status).toBe(204);
    expect(seenIn(told)).toEqual([]);
  });

  it("is sealed in the files, and the command line and the settings that are shown hold neither it nor the key", async () => {
    expect(await seenInFiles()).toEqual([]);
    const sealed = /v1\.[\w-]{8}\.[\w-]{60,}/;
    expect((await readFile(join(data, "store", "data.mdb"), "latin1")).match(sealed)).not.toBeNull();
    const commandLine = await readFile(`/proc/${server.process.pid}/cmdline`, "latin1");
    expect(seenIn([commandLine])).toEqual([]);
    expect(commandLine.includes(OLD_KEY)).toBe(false);
    const file = join(folder, "settings.json");
    await writeFile(file, JSON.stringify({ TALLYWIRE_SECRET_KEY: OLD_KEY }));
    const { stdout } = await run(process.execPath, [MAIN, "config", "--config", file]);
    expect(stdout).toMatch(/TALLYWIRE_SECRET_KEY.*\*\*\*/);
    expect(stdout.includes(OLD_KEY)).toBe(false);
    expect([...told].some((text) => text.includes(OLD_KEY))).toBe(false);
  });

  it("outlives the process and a change of keys", async () => {
    const before = (await call("GET", "/v2/api/cameras/query")).body.rtsp_url;
    expect(await server.stop()).toBe(0);
    await start(`${NEW_KEY},${OLD_KEY}`);
    expect((await call("GET", "/v2/api/cameras/query")).body.rtsp_url).toBe(before);
    expect((await create("later", canaryUrls.path())).status).toBe(201);
    expect(await server.stop()).toBe(0);
    expect(await seenInFiles()).toEqual([]);
    expect(seenIn(told)).toEqual([]);
  });
});
