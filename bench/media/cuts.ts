/** Pictures and films cut from a recording, for the first time and again, and by bare ffmpeg from the same film in one file. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clip, MediaFile, NotRecorded } from "../../domain/media.ts";
import type { Camera } from "../../test/servers/rtsp-camera.ts";
import { quantile } from "../../test/support/figures.ts";
import { load, round, table } from "../support/report.ts";
import { bareClip, bareSnap } from "./bare.ts";
import { openOurs } from "./ours.ts";

const KEY = { tenant: "bench", camera: "recorded" };

type How = { readonly recordSeconds: number; readonly clipSeconds: number; readonly snaps: number; readonly clips: number };

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  const found = await work();
  if (found !== undefined && typeof found === "object" && found !== null && "notRecorded" in found) throw new Error("it was not recorded");
  return performance.now() - begun;
};

const contentOf = async (file: Promise<MediaFile | undefined>): Promise<Uint8Array> => {
  const found = await file;
  if (found === undefined) throw new Error("a file of the recording is not there");
  return found.content;
};

/** Reads all of it, as it is sent. */
const taken = async (clip: Promise<Clip | NotRecorded>): Promise<unknown> => {
  const found = await clip;
  if ("content" in found) for await (const _ of found.content);
  return found;
};

export const cuts = async (camera: Camera, folder: string, how: How): Promise<void> => {
  const { recordSeconds, clipSeconds, snaps, clips } = how;
  const { media, close } = await openOurs(join(folder, "ours"), 1);
  try {
    const pieces: { readonly start: number; readonly end: number }[] = [];
    await media.record(KEY, camera.url);
    await new Promise<void>((resolve) => {
      media.onEvent((event) => {
        if (event.kind !== "segment-recorded") return;
        pieces.push({ start: event.start, end: event.end });
        if (event.end - (pieces[0]?.start ?? event.end) >= recordSeconds * 1000) resolve();
      });
    });
    await media.record(KEY, undefined);
    const [from, to] = [pieces[0]?.start as number, pieces.at(-1)?.end as number];

    // The same film for bare ffmpeg: each piece as a file for pictures, all of them as one for clips.
    const archive = await media.archive(KEY, from, to);
    if (archive === undefined) throw new Error("nothing was recorded");
    const text = new TextDecoder().decode(await contentOf(archive.file("index.m3u8")));
    const init = await contentOf(archive.file(/#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1] as string));
    const names = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    if (names.length !== pieces.length) throw new Error(`${pieces.length} pieces were recorded, ${names.length} are in the playlist`);
    const contents = await Promise.all(names.map((name) => contentOf(archive.file(name))));
    await mkdir(join(folder, "bare"));
    const own = (at: number): string => join(folder, "bare", `${at}.mp4`);
    for (const [at, content] of contents.entries()) await writeFile(own(at), Buffer.concat([init, content]));
    const whole = join(folder, "bare", "whole.mp4");
    await writeFile(whole, Buffer.concat([init, ...contents]));

    const took = { snap: [] as number[], snapAgain: [] as number[], bareSnap: [] as number[] };
    for (let at = 0; at < snaps; at++) {
      const instant = Math.floor(from + ((to - from) * at) / snaps);
      const index = pieces.findIndex(({ start, end }) => start <= instant && instant < end);
      if (index === -1) throw new Error("the recording has a gap");
      took.snap.push(await timed(() => media.snap(KEY, instant)));
      took.snapAgain.push(await timed(() => media.snap(KEY, instant)));
      const within = (instant - (pieces[index]?.start ?? instant)) / 1000;
      took.bareSnap.push(await timed(() => bareSnap(own(index), within, join(folder, "bare", "snap.jpg"))));
    }
    const clipMs = clipSeconds * 1000;
    const clipped = { clip: [] as number[], clipAgain: [] as number[], bareClip: [] as number[] };
    for (let at = 0; at < clips; at++) {
      const begin = Math.floor(from + ((to - clipMs - from) * at) / clips);
      clipped.clip.push(await timed(() => taken(media.clip(KEY, begin, begin + clipMs))));
      clipped.clipAgain.push(await timed(() => taken(media.clip(KEY, begin, begin + clipMs))));
      clipped.bareClip.push(await timed(() => bareClip(whole, (begin - from) / 1000, clipSeconds, join(folder, "bare", "clip.mp4"))));
    }

    const row = (what: string, ms: readonly number[], bare?: readonly number[]) => ({
      what,
      times: ms.length,
      "p50 ms": round(quantile(ms, 0.5), 1),
      "p99 ms": round(quantile(ms, 0.99), 1),
      ...(bare === undefined
        ? {}
        : {
            "of bare, p50": round(quantile(ms, 0.5) / quantile(bare, 0.5), 2),
            "of bare, p99": round(quantile(ms, 0.99) / quantile(bare, 0.99), 2),
          }),
    });
    const rows = [
      row("snap", took.snap, took.bareSnap),
      row("the same again", took.snapAgain, took.bareSnap),
      row("bare ffmpeg", took.bareSnap),
      row(`clip of ${clipSeconds} s`, clipped.clip, clipped.bareClip),
      row("the same again", clipped.clipAgain, clipped.bareClip),
      row("bare ffmpeg", clipped.bareClip),
    ];
    table(`Cut from a recording of ${round((to - from) / 1000)} s in ${pieces.length} pieces; load ${load()}`, rows);
    console.log(JSON.stringify({ bench: "media", part: "cut", rows, load: load() }));
  } finally {
    await close();
  }
};
