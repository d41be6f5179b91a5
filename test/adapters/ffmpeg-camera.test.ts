import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import type { Arguments } from "../../adapters/ffmpeg/arguments.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { type Faulty, type FaultyHow, startFaulty } from "../servers/faulty-rtsp.ts";
import { canStartCamera, canStartFfmpeg } from "../servers/for-tests.ts";
import { startCamera } from "../servers/rtsp-camera.ts";
import { CANARY } from "../support/canary.ts";
import { keptJournal, loopback, processesSeen } from "../support/media.ts";

const canRun = await canStartFfmpeg("ffmpeg and cameras with faults");
const canLook = await canStartCamera("ffmpeg and a real camera");
const folder = await mkdtemp(join(tmpdir(), "tallywire-cameras-"));
const journal = keptJournal();
const settings = { folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" };
const ffmpeg = await openFfmpeg(settings);
afterAll(async () => {
  await ffmpeg.close();
  await rm(folder, { recursive: true });
});

const copyOf = (camera: string, seconds: number): Arguments => ({
  inputs: [{ from: { camera } }],
  outputs: [{ to: { file: join(folder, "copy.mp4") }, format: "mp4", options: { map: "0:v:0", c: "copy", t: seconds } }],
});
const H264 = { video: { codec: "h264", width: 320, height: 180, fps: 10, isReordered: false }, audio: undefined };
const withFaulty = async <T>(how: FaultyHow, work: (faulty: Faulty) => Promise<T>): Promise<T> => {
  const faulty = await startFaulty(how);
  try {
    return await work(faulty);
  } finally {
    await faulty.stop();
  }
};
const credentials = { user: "operator", password: CANARY };
const probed = (how: FaultyHow) => withFaulty(how, ({ url }) => ffmpeg.probe({ camera: url }));

describe.skipIf(!canRun)("looking at a camera", () => {
  it("finds what it sends", async () => {
    expect(await probed({ fault: "none" })).toEqual(H264);
  });

  it.each([{}, { qop: true }, { algorithm: "SHA-256", qop: true }, { algorithm: "MD5" }, { password: 'p"w\\/:@ %ü' }] as const)(
    "answers a strict camera that takes each nonce for two requests, and its own address only: %o",
    async (more) => {
      await withFaulty({ fault: "none", credentials: { ...credentials, ...more } }, async ({ url, requests }) => {
        expect(await ffmpeg.probe({ camera: url })).toEqual(H264);
        // Asked again where the nonce was used up.
        expect(requests.filter((request) => request.startsWith("PLAY"))).toHaveLength(2);
      });
    },
  );

  it.each([
    ["unauthorized", { fault: "unauthorized", credentials }],
    ["timeout", { fault: "mute" }],
    ["timeout", { fault: "hangs after DESCRIBE" }],
    ["no-video", { fault: "no video" }],
    ["garbage", { fault: "garbage" }],
    ["garbage", { fault: "not interleaved" }],
    ["redirected", { fault: { redirect: "rtsp://127.0.0.1:9/", at: "OPTIONS" } }],
    ["redirected", { fault: { redirect: "rtsp://127.0.0.1:9/", at: "DESCRIBE" } }],
    ["redirected", { fault: { redirect: "rtsp://127.0.0.1:9/", at: "SETUP" } }],
    ["redirected", { fault: { redirect: "rtsp://127.0.0.1:9/", at: "PLAY" } }],
  ] as [string, FaultyHow][])("says what is wrong: %s, %o", async (reason, how) => {
    const answer = await probed(how);
    expect(answer).toMatchObject({ failed: { reason } });
    expect(JSON.stringify(answer)).not.toContain(CANARY);
  });

  it("names the codec that is not served", async () => {
    expect(await probed({ fault: "hevc" })).toMatchObject({
      failed: { reason: "codec", codec: "hevc", message: expect.stringContaining("hevc") },
    });
  });

  it("says that packets without a film in them are garbage", async () => {
    expect(await withFaulty({ fault: "garbage packets" }, ({ url }) => ffmpeg.probe({ camera: url }, { mostMs: 4000 }))).toMatchObject({
      failed: { reason: "garbage" },
    });
  });

  it("goes nowhere a camera says it should go", async () => {
    await withFaulty({ fault: "none" }, async (victim) => {
      for (const at of ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] as const)
        await withFaulty({ fault: { redirect: victim.url, at } }, async (bait) => {
          expect(await ffmpeg.probe({ camera: bait.url })).toMatchObject({ failed: { reason: "redirected" } });
          expect(bait.connections()).toBe(1);
        });
      await withFaulty({ fault: { redirect: victim.url, at: "while playing" } }, async (bait) => {
        expect(await ffmpeg.execute(copyOf(bait.url, 5), { mostMs: 20_000 }).done).toMatchObject({ failure: { reason: "redirected" } });
      });
      expect(victim.connections()).toBe(0);
    });
  });
});

describe.skipIf(!canRun)("recording a camera", () => {
  it("fails when the camera sends nothing any more", async () => {
    await withFaulty({ fault: { hangsAfter: 20 } }, async ({ url }) => {
      const { state, failure, tookMs } = await ffmpeg.execute(copyOf(url, 60), { mostMs: 60_000 }).done;
      expect([state, failure?.reason]).toEqual(["failed", "timeout"]);
      expect(tookMs).toBeLessThan(12_000);
    });
  });

  it("fails when the camera ends the connection, though ffmpeg takes that for the end of the film", async () => {
    await withFaulty({ fault: { closesAfter: 30 } }, async ({ url }) => {
      expect(await ffmpeg.execute(copyOf(url, 60), { mostMs: 60_000 }).done).toMatchObject({
        state: "failed",
        returnCode: 0,
        failure: { reason: "ended" },
      });
    });
  });

  it.each([5000, -5000, -1])("is as long as it took, with a clock that jumps by %i s, where our own clock is used", async (seconds) => {
    await withFaulty({ fault: { jumpsAfter: 20, seconds } }, async ({ url }) => {
      const copy = { ...copyOf(url, 4), inputs: [{ from: { camera: url }, options: { use_wallclock_as_timestamps: 1 } }] };
      const session = ffmpeg.execute(copy, { mostMs: 20_000 });
      expect(await session.done).toMatchObject({ state: "completed" });
      expect(session.statistics?.frame).toBeGreaterThan(30);
    });
  });

  it("is cancelled while the camera says nothing", async () => {
    await withFaulty({ fault: "mute" }, async ({ url }) => {
      const session = ffmpeg.execute(copyOf(url, 60), { mostMs: "endless" });
      await expect.poll(() => session.pid).toBeDefined();
      const finished = await session.cancel();
      expect(finished.state).toBe("cancelled");
      expect(finished.tookMs).toBeLessThan(4000);
    });
  });

  it("shows the password to nobody: no command line, no environment, no file, no log", async () => {
    await withFaulty({ fault: "none", credentials }, async ({ url }) => {
      const session = ffmpeg.execute(
        { ...copyOf(url, 60), inputs: [{ from: { camera: url }, options: { fflags: "+genpts" } }] },
        { mostMs: "endless" },
      );
      const seen: string[] = [];
      const look = async (): Promise<number> => {
        const processes = (await processesSeen()).filter(({ pid }) => pid !== process.pid);
        seen.push(...processes.map(({ cmdline, environ }) => cmdline + environ));
        for (const name of await readdir(settings.folder)) seen.push(await readFile(join(settings.folder, name), "utf8").catch(() => ""));
        return session.statistics?.frame ?? 0;
      };
      await expect.poll(look, { timeout: 20_000, interval: 20 }).toBeGreaterThan(5);
      const own = seen.filter((text) => text.includes(folder));
      expect(own.length).toBeGreaterThan(3);
      // The word that opens the relay stands in the list, and on no command line.
      const words = seen.flatMap((text) => /rtsp:\/\/127\.0\.0\.1:\d+\/([0-9a-f]{32})/.exec(text)?.[1] ?? []);
      expect(words.length).toBeGreaterThan(0);
      expect(seen.filter((text) => text.includes(words[0] as string)).every((text) => text.startsWith("ffconcat"))).toBe(true);
      expect(await readdir(settings.folder)).toEqual([]);
      await session.cancel();
      expect(seen.join("\n") + JSON.stringify(session.logs) + journal.lines.join()).not.toContain(CANARY);
    });
  });

  it("reads two cameras into one film", async () => {
    await withFaulty({ fault: "none" }, (one) =>
      withFaulty({ fault: "none", credentials }, async (other) => {
        const both: Arguments = {
          inputs: [{ from: { camera: one.url } }, { from: { camera: other.url } }],
          outputs: [{ to: "nothing", format: "null", options: { map: ["0:v", "1:v"], c: "copy", t: 1 } }],
        };
        expect(await ffmpeg.execute(both, { mostMs: 20_000 }).done).toMatchObject({ state: "completed" });
        expect([one.connections(), other.connections()]).toEqual([1, 1]);
      }),
    );
  });
});

describe.skipIf(!canRun)("a camera that speaks rtsps", () => {
  const certificate = async () => {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const args =
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=camera -addext subjectAltName=DNS:camera.test";
    await promisify(execFile)("openssl", [...args.split(" "), "-keyout", key, "-out", cert]);
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  };

  it("is refused where its certificate is not good, and seen where that may be", async () => {
    const lax = await openFfmpeg({ ...settings, certificates: false });
    await withFaulty({ fault: "none", credentials, tls: await certificate() }, async ({ url, requests }) => {
      expect(await ffmpeg.probe({ camera: url })).toMatchObject({ failed: { reason: "certificate" } });
      expect(requests).toEqual([]);
      expect(await lax.probe({ camera: url })).toEqual(H264);
      expect(requests[0]).toMatch(/^OPTIONS rtsps:/);
    });
    await lax.close();
  });
});

describe.skipIf(!canLook)("a real camera", () => {
  it.each(["digest", "basic"] as const)("is seen with the right credentials only, and what is wrong is said: %s", async (auth) => {
    const camera = await startCamera({ auth, password: CANARY, audio: true });
    expect(await ffmpeg.probe({ camera: camera.url })).toEqual({ ...H264, audio: { codec: "aac" } });
    for (const userinfo of ["viewer:wrong", "nobody:wrong", "viewer", ""])
      expect(await ffmpeg.probe({ camera: camera.urlWith({ userinfo }) })).toMatchObject({ failed: { reason: "unauthorized" } });
    expect(await ffmpeg.probe({ camera: camera.urlWith({ path: "/nothing" }) })).toMatchObject({ failed: { reason: "not-found" } });
    await camera.stop();
    expect(await ffmpeg.probe({ camera: camera.url })).toMatchObject({ failed: { reason: "unreachable" } });
  });

  it("is refused by the name of its codec", async () => {
    const camera = await startCamera({ codec: "h265" });
    expect(await ffmpeg.probe({ camera: camera.url })).toMatchObject({ failed: { reason: "codec", codec: "hevc" } });
    await camera.stop();
  });

  it("is never connected to where it may not be", async () => {
    const camera = await startCamera();
    const network = openCameraNetwork({ allow: ["10.0.0.0/8"], ownPorts: () => [] });
    const outside = await openFfmpeg({ ...settings, network });
    expect(await outside.probe({ camera: camera.url })).toMatchObject({ failed: { reason: "not-allowed" } });
    await outside.close();
    await camera.stop();
  });
});
