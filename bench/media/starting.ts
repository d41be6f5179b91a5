/** From when a film is wanted to when there is something to play, ours and bare ffmpeg's in turns. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Media } from "../../domain/ports.ts";
import type { Camera } from "../../test/servers/rtsp-camera.ts";
import { quantile } from "../../test/support/figures.ts";
import { load, round, table } from "../support/report.ts";
import { bareLive, bareViewer } from "./bare.ts";
import { openOurs } from "./ours.ts";

const STRIDE = 7;

const ourStart = async (media: Media, url: string, at: number): Promise<number> => {
  const begun = performance.now();
  const stream = media.live({ tenant: "bench", camera: `camera-${at}`, url, width: 0, height: 0, audio: false });
  const state = await stream.ready;
  const took = performance.now() - begun;
  if (state.state !== "running") throw new Error(`a film does not come: ${JSON.stringify(state)}`);
  await stream.release();
  return took;
};

const bareStart = async (url: string, folder: string): Promise<number> => {
  const begun = performance.now();
  const bare = await bareLive(url, folder);
  const took = performance.now() - begun;
  await bare.stop();
  return took;
};

/** `gop`: seconds from one keyframe of the camera's to the next. */
export const starting = async (camera: Camera, gop: number, folder: string, starts: number): Promise<void> => {
  const { media, close } = await openOurs(join(folder, "ours"), 1);
  const viewer = bareViewer(camera.url);
  const ours: number[] = [];
  const bare: number[] = [];
  // A film is ready at a keyframe: without these waits all but the first would begin just behind one.
  const wait = (at: number): Promise<void> => sleep((1000 * gop * ((STRIDE * at) % starts)) / starts);
  try {
    await bareStart(camera.url, join(folder, "first"));
    for (let at = 0; at < starts; at++) {
      await wait(at);
      // Another user each time, whom the camera does not ask for: a camera we know nothing of.
      ours.push(await ourStart(media, camera.urlWith({ userinfo: `viewer${at}` }), at));
      await wait(at);
      bare.push(await bareStart(camera.url, join(folder, String(at))));
    }
  } finally {
    await viewer.stop();
    await close();
  }
  const row = (what: string, took: readonly number[]) => ({
    what,
    "p50 ms": round(quantile(took, 0.5)),
    "p99 ms": round(quantile(took, 0.99)),
    "least ms": round(quantile(took, 0)),
    "most ms": round(quantile(took, 1)),
    "within it and 1 s": took.filter((ms) => ms <= (gop + 1) * 1000).length,
  });
  table(`Something to play, groups of pictures of ${gop} s, ${starts} starts at instants spread over the group`, [
    row("ours", ours),
    row("bare ffmpeg", bare),
  ]);
  const ratio = (q: number): number => quantile(ours, q) / quantile(bare, q);
  console.log(`${round(ratio(0.5), 2)} of bare ffmpeg at p50, ${round(ratio(0.99), 2)} at p99; load ${load()}`);
  console.log(JSON.stringify({ bench: "media", part: "start", gop, ours: row("ours", ours), bare: row("bare", bare), load: load() }));
};
