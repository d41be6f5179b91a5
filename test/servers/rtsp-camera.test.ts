import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { keptJournal, loopback } from "../support/media.ts";
import { isAlive } from "../support/process.ts";
import { startFaulty } from "./faulty-rtsp.ts";
import { canStartCamera, canStartFfmpeg } from "./for-tests.ts";
import { film } from "./rtsp/film.ts";
import { readPicture, startCamera } from "./rtsp-camera.ts";

const canRun = await canStartFfmpeg("the camera with faults");
const canLook = await canStartCamera("the camera for tests");
const folder = await mkdtemp(join(tmpdir(), "tallywire-camera-"));
const ffmpeg = await openFfmpeg({ folder, network: loopback, journal: keptJournal(), searchPath: process.env.PATH ?? "" });
afterAll(async () => {
  await ffmpeg.close();
  await rm(folder, { recursive: true });
});

/** What the pictures of some seconds of a camera say. `size`: made smaller to that width and height. */
const picturesOf = async (camera: string, seconds: number, [width, height]: readonly [number, number]) => {
  const { output, state } = await ffmpeg.execute(
    {
      inputs: [{ from: { camera } }],
      outputs: [
        {
          to: "memory",
          format: "rawvideo",
          options: { t: seconds, vf: `scale=${width}:${height}`, pix_fmt: "gray", vsync: "passthrough" },
        },
      ],
    },
    { mostMs: 20_000 },
  ).done;
  expect(state).toBe("completed");
  return Array.from({ length: output.length / (width * height) }, (_, at) =>
    readPicture(output.subarray(at * width * height, (at + 1) * width * height), width, height),
  );
};

describe.skipIf(!canLook)("the camera for tests", () => {
  it.each([
    { shape: { bFrames: 0 }, size: [320, 180] },
    { shape: { bFrames: 2, width: 640, height: 360 }, size: [160, 90] },
  ] as const)("shows in each picture when it was made, one after the other: %o", async ({ shape, size }) => {
    const camera = await startCamera({ ...shape, fps: 10, gop: 10 });
    const begun = Date.now();
    const pictures = await picturesOf(camera.url, 3, size);
    expect(pictures.length).toBeGreaterThan(25);
    for (const [at, { number, madeAt }] of pictures.entries()) {
      expect(number).toBe((pictures[0]?.number as number) + at);
      expect(madeAt).toBeGreaterThan(begun - 2000);
      expect(madeAt).toBeLessThan(Date.now());
    }
    const [first, last] = [pictures[0], pictures.at(-1)] as { madeAt: number }[];
    expect(Math.abs((last?.madeAt as number) - (first?.madeAt as number) - (pictures.length - 1) * 100)).toBeLessThan(300);
    await camera.stop();
  });

  it("has the size, the rate and the sound it was told to have", async () => {
    const camera = await startCamera({ width: 640, height: 480, fps: 25, gop: 50, audio: true });
    expect(await ffmpeg.probe({ camera: camera.url })).toEqual({
      video: { codec: "h264", width: 640, height: 480, fps: 25, isReordered: false },
      audio: { codec: "aac" },
    });
    await camera.stop();
    expect(isAlive(camera.pid)).toBe(false);
  });

  it("is watched by several at once", async () => {
    const camera = await startCamera({ audio: true });
    const both = await Promise.all([picturesOf(camera.url, 2, [160, 90]), picturesOf(camera.url, 2, [160, 90])]);
    const [one, other] = both.map((pictures) => new Map(pictures.map(({ number, madeAt }) => [number, madeAt])));
    const common = [...(one as Map<number, number>)].filter(([number]) => other?.has(number));
    expect(common.length).toBeGreaterThan(5);
    for (const [number, madeAt] of common) expect(other?.get(number)).toBe(madeAt);
    // Coming and going while somebody watches.
    const watching = picturesOf(camera.url, 4, [160, 90]);
    for (let visit = 0; visit < 3; visit += 1)
      expect(await ffmpeg.probe({ camera: camera.url })).toMatchObject({ video: { codec: "h264" } });
    const watched = await watching;
    expect(watched.map(({ number }) => number)).toEqual(watched.map((_, at) => (watched[0]?.number as number) + at));
    await camera.stop();
  });
});

describe.skipIf(!canRun)("the camera with faults", () => {
  it("has a film of two seconds, with a keyframe each second", async () => {
    const { pictures } = await film();
    expect(pictures).toHaveLength(20);
    expect(pictures.flatMap((nals, at) => (nals.some((nal) => ((nal[0] as number) & 0x1f) === 5) ? [at] : []))).toEqual([0, 10]);
  });

  it("plays it in the time it takes, where nothing is wrong", async () => {
    const faulty = await startFaulty({ fault: "none" });
    const { tookMs, state } = await ffmpeg.execute(
      { inputs: [{ from: { camera: faulty.url } }], outputs: [{ to: "nothing", format: "null", options: { c: "copy", t: 3 } }] },
      { mostMs: 20_000 },
    ).done;
    expect(state).toBe("completed");
    expect(tookMs).toBeGreaterThan(2500);
    expect(faulty.requests.map((request) => request.split(" ")[0]).slice(0, 4)).toEqual(["OPTIONS", "DESCRIBE", "SETUP", "PLAY"]);
    await faulty.stop();
  });
});
