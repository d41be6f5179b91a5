/**
 * Films: node bench/media.ts [--quick] [--only copy,start,cut,beside]
 *
 * What a live film by copy takes, and how many a core carries; how long one waits for it, and for pictures and clips of what was
 * recorded; and what fifty such films that are played do to the alerts of a server. Each beside bare ffmpeg, or beside the same server
 * without films, in the same run, in turns. The camera is GStreamer's RTSP server: 640 x 360, 25 pictures a second, some 1,000 kbit/s.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Camera, startCamera, whyNoCamera, whyNoFfmpeg } from "../test/servers/rtsp-camera.ts";
import { beside } from "./media/beside.ts";
import { copying } from "./media/copying.ts";
import { cuts } from "./media/cuts.ts";
import { starting } from "./media/starting.ts";
import { load } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    sessions: { type: "string", default: "50" },
    rate: { type: "string", default: "1000" },
    body: { type: "string", default: "10" },
    seconds: { type: "string", default: "40" },
    starts: { type: "string", default: "30" },
  },
});
const { quick } = values;
const FPS = 25;

const why = (await whyNoFfmpeg()) ?? (await whyNoCamera());
if (why !== undefined) throw new Error(`there is nothing to measure with: ${why}`);

/** With a camera whose groups of pictures are so many seconds long. */
const withCamera = async (gop: number, work: (camera: Camera, own: string) => Promise<void>): Promise<void> => {
  const camera = await startCamera({ width: 640, height: 360, fps: FPS, gop: gop * FPS, snow: true });
  const own = mkdtempSync(join(folder, "part-"));
  try {
    await work(camera, own);
  } finally {
    await camera.stop();
  }
};

const starts = quick ? 3 : Number(values.starts);
const parts: Readonly<Record<string, () => Promise<void>>> = {
  copy: () =>
    withCamera(1, (camera, own) =>
      copying(camera, own, quick ? { sessions: 3, seconds: 3, turns: 1 } : { sessions: 10, seconds: 20, turns: 3 }),
    ),
  start: async () => {
    for (const gop of [1, 2]) await withCamera(gop, (camera, own) => starting(camera, gop, own, starts));
  },
  cut: () =>
    withCamera(1, (camera, own) =>
      cuts(
        camera,
        own,
        quick ? { recordSeconds: 8, clipSeconds: 4, snaps: 5, clips: 3 } : { recordSeconds: 60, clipSeconds: 12, snaps: 100, clips: 50 },
      ),
    ),
  beside: () =>
    withCamera(1, (camera, own) =>
      beside(camera, own, {
        sessions: quick ? 5 : Number(values.sessions),
        framesPerSecond: Number(values.rate),
        framesPerBody: Number(values.body),
        seconds: quick ? 5 : Number(values.seconds),
      }),
    ),
};
const only = values.only?.split(",") ?? Object.keys(parts);
const unknown = only.filter((name) => parts[name] === undefined);
if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(", ")}; there are ${Object.keys(parts).join(", ")}`);

const folder = mkdtempSync(join(tmpdir(), "tallywire-bench-media-"));
try {
  for (const name of only) {
    console.log(`\n-- ${name} (load ${load()})`);
    await parts[name]?.();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
