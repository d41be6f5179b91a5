/** A real server over a folder of recordings, as an earlier life left it: what of it can be reached, and by whom. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Guarded, startGuarded, tokenOf } from "./guarded-server.ts";
import { alpha, beta, shared } from "./mirror.ts";

// Not long ago, and not just now: it is neither too old to be kept nor still being made.
const at = Date.now() - 2 * 3_600_000;
const [date, hour] = [new Date(at).toISOString().slice(0, 10), new Date(at).toISOString().slice(11, 13)];
const piece = `${at}-2000-0a1b2c3d-5.m4s`;
const folder = `/v2/hls/${shared.camera}/${date}/${hour}`;
const SECRET = "what no link may lead to";

let data: string;
let server: Guarded;
const get = (target: string, tenant?: string): Promise<Answer> =>
  server.call({ method: "GET", target, headers: tenant === undefined ? {} : { authorization: `Bearer ${tokenOf(tenant)}` } });

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), "tallywire-recordings-"));
  const shelf = join(data, "media/recordings", alpha.name, shared.camera, date);
  await mkdir(join(shelf, hour), { recursive: true });
  await writeFile(join(shelf, hour, "0a1b2c3d.mp4"), "begin");
  await writeFile(join(shelf, hour, piece), "piece");
  await writeFile(join(data, "secret"), SECRET);
  await symlink(join(data, "secret"), join(shelf, hour, "0a1b2c3e.mp4"));
  // Another hour, which is a link to this one.
  await symlink(join(shelf, hour), join(shelf, hour === "23" ? "22" : "23"));
  server = await startGuarded(data);
  for (const tenant of [alpha, beta]) {
    const headers = { authorization: `Bearer ${tokenOf(tenant.name)}`, "content-type": "application/json" };
    const created = await server.call({ method: "POST", target: "/v2/api/cameras", headers, body: JSON.stringify({ id: shared.camera }) });
    expect(created.status).toBe(201);
  }
}, 60_000);
afterAll(async () => {
  await server.stop();
  await rm(data, { recursive: true, force: true });
});

const grantOf = async (): Promise<string> => {
  const playlist = await get(`${folder}/index.m3u8?token=${tokenOf(alpha.name)}`);
  expect(playlist.status).toBe(200);
  expect(playlist.body.toString()).not.toContain(tokenOf(alpha.name).split(".")[2]);
  return /\?grant=([\w-]+)/.exec(playlist.body.toString())?.[1] ?? "";
};

describe("recordings of one tenant", () => {
  it("are played by what its playlist gives out, without a token", async () => {
    const grant = await grantOf();
    const told = await Promise.all([piece, "0a1b2c3d.mp4"].map((name) => get(`${folder}/${name}?grant=${grant}`)));
    expect(told.map(({ status, headers, body }) => [status, headers["content-type"], body.toString()])).toEqual([
      [200, "video/iso.segment", "piece"],
      [200, "video/mp4", "begin"],
    ]);
  });

  it("are nothing to another with a camera of the same name, nor to whoever shows no token", async () => {
    const timeline = await get(`/v2/api/playback/timeline?camera_id=${shared.camera}&date=${date}`, beta.name);
    expect(JSON.parse(timeline.body.toString()).hours).toEqual([]);
    for (const name of ["index.m3u8", piece, "0a1b2c3d.mp4", `snap-${at}.jpg`]) {
      expect((await get(`${folder}/${name}`, beta.name)).status, name).toBe(404);
      expect((await get(`${folder}/${name}`)).status, name).toBe(401);
    }
  });

  it("lead nowhere by links, by names that are none, and by folders that are not theirs", async () => {
    const grant = await grantOf();
    const names = ["0a1b2c3e.mp4", "..%2f..%2fsecret", "%2e%2e%2f0a1b2c3d.mp4", "0a1b2c3d.mp4%00", "..%5csecret", "%2fetc%2fpasswd"];
    for (const name of names) {
      const answer = await get(`${folder}/${name}?grant=${grant}`);
      expect([name, answer.status]).toEqual([name, 404]);
      expect(answer.body.toString()).not.toContain(SECRET);
    }
    const linked = hour === "23" ? "22" : "23";
    for (const name of ["index.m3u8", piece])
      expect((await get(`/v2/hls/${shared.camera}/${date}/${linked}/${name}`, alpha.name)).status, name).toBe(404);
    for (const camera of ["..", "%2e%2e", `..%2f${alpha.name}%2f${shared.camera}`, `${alpha.name}%2f${shared.camera}`])
      expect((await get(`/v2/hls/${camera}/${date}/${hour}/index.m3u8`, beta.name)).status, camera).toBe(404);
    expect(server.errors).toEqual([]);
  });
});
