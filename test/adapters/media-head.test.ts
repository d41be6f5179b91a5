import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { tracksIn } from "../../adapters/media-ffmpeg/boxes.ts";
import { lengthOf, restOf } from "../../adapters/media-ffmpeg/head.ts";
import { readList } from "../../adapters/media-ffmpeg/playlist.ts";
import { type Made, startRun } from "../../adapters/media-ffmpeg/run.ts";
import { partsIn, pieceOf } from "../../adapters/media-ffmpeg/samples.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { type FakeRun, fakeFfmpeg } from "../support/fake-ffmpeg.ts";
import { played } from "../support/films.ts";
import { keptJournal, loopback } from "../support/media.ts";

const canRun = await canStartFfmpeg("films that begin with a short piece");
const root = await mkdtemp(join(tmpdir(), "tallywire-head-"));
afterAll(() => rm(root, { recursive: true }));

/** A film with sound whose pictures come in another order than they are shown in, twice: in pieces of a second, and cut by time. */
const made = async () => {
  const folder = await mkdtemp(join(root, "made-"));
  const ffmpeg = await openFfmpeg({
    ...{ folder: join(folder, "lists"), network: loopback, journal: keptJournal(), searchPath: process.env.PATH ?? "" },
  });
  const run = async (...of: Parameters<typeof ffmpeg.execute>) => expect(await ffmpeg.execute(...of).done).toMatchObject({ returnCode: 0 });
  const source = join(folder, "source.mp4");
  const encoded = { t: 3, "c:v": "libx264", preset: "ultrafast", threads: 1, g: 10, bf: 2, sc_threshold: 0, pix_fmt: "yuv420p" };
  const inputs = ["testsrc=size=320x180:rate=10", "sine=frequency=440"].map((one) => ({ from: { made: one } }));
  await run({ inputs, outputs: [{ to: { file: source }, format: "mp4", options: { ...encoded, "c:a": "aac" } }] }, { mostMs: 60_000 });
  const outputOf = (letter: string, seconds: number, flags: string) => ({
    to: { file: join(folder, `${letter}.m3u8`) },
    format: "hls",
    options: {
      ...{ map: ["0:v:0", "0:a:0"], "c:v": "copy", "c:a": "aac", hls_time: seconds, hls_list_size: 0, hls_segment_type: "fmp4" },
      ...{ hls_fmp4_init_filename: `${letter}.mp4`, hls_segment_filename: join(folder, `${letter}%d.m4s`), hls_flags: flags },
    },
  });
  await run(
    {
      inputs: [{ from: { file: source } }],
      outputs: [outputOf("s", 0.8, "independent_segments"), outputOf("h", 0.4, "split_by_time")],
    },
    { mostMs: 60_000 },
  );
  const [piece, second, head, init, heads] = await Promise.all(
    ["s0.m4s", "s1.m4s", "h0.m4s", "s.mp4", "h.mp4"].map((name) => readFile(join(folder, name))),
  );
  const films = { piece, second, head, init, heads } as { [name in "piece" | "second" | "head" | "init" | "heads"]: Buffer };
  return { ...films, ffmpeg, folder, lists: await readFile(join(folder, "s.m3u8"), "utf8") };
};

describe.skipIf(!canRun)("the head of a copy", () => {
  it("and the rest of its piece hold the same pictures and sounds as the piece, when and as they were", async () => {
    const { piece, second, head, init, heads, ffmpeg, folder, lists } = await made();
    expect(readList(lists)[0]?.durationMs).toBe(1000);
    expect(heads.equals(init)).toBe(true);
    const tracks = tracksIn(init);
    const rest = restOf(piece, head, tracks);
    const told = (film: Buffer) =>
      partsIn(film).map(({ track, time, samples }) => {
        let at = Number(time);
        return samples.map(({ from, to, duration, flags, shift }) => {
          at += duration;
          return { track, at: at - duration, duration, flags, shift, bytes: film.toString("hex", from, to) };
        });
      });
    const [whole, begun, left] = [piece, head, rest?.film as Buffer].map(told);
    for (const [index, track] of (whole ?? []).entries()) {
      expect(left?.[index]?.length).toBeGreaterThan(2);
      expect(left?.[index]).toEqual(track.slice(begun?.[index]?.length ?? 0));
      expect(begun?.[index]?.map(({ bytes }) => bytes)).toEqual(track.slice(0, begun?.[index]?.length).map(({ bytes }) => bytes));
    }
    expect(rest?.lateMs).toBeCloseTo(0, 6);
    expect(lengthOf(head, tracks)).toBeCloseTo((begun?.[0]?.length ?? 0) * 100, 6);
    const path = join(folder, "together.mp4");
    await writeFile(path, Buffer.concat([init, head, rest?.film as Buffer, second]));
    expect((await played(ffmpeg, path)).frames).toBe(20);
    await ffmpeg.close();
  }, 60_000);

  it("is later by what its last picture did not know, and may be all of the piece", async () => {
    const { piece, head, init, ffmpeg } = await made();
    const tracks = tracksIn(init);
    // Of a hundred milliseconds each: the last one is told to be 40 longer.
    const longer = partsIn(head).map((part) => ({
      ...part,
      samples: part.samples.map((sample, at) =>
        tracks.get(part.track)?.kind === "picture" && at === part.samples.length - 1
          ? { ...sample, duration: Math.round(sample.duration * 1.4) }
          : sample,
      ),
    }));
    expect(restOf(piece, pieceOf(head, longer), tracks)?.lateMs).toBeCloseTo(-40, 0);
    expect(restOf(piece, piece, tracks)).toBeUndefined();
    const sounds = partsIn(head).filter(({ track }) => tracks.get(track)?.kind === "sound");
    expect(lengthOf(pieceOf(head, sounds), tracks)).toBe(0);
    await ffmpeg.close();
  }, 60_000);

  it("is not taken off a piece that begins otherwise, nor off what is no piece", async () => {
    const { piece, second, head, init, ffmpeg } = await made();
    const tracks = tracksIn(init);
    const corrupt = expect.objectContaining({ name: "AdapterError", code: "corrupt" });
    expect(() => restOf(second, head, tracks)).toThrow(corrupt);
    expect(() => restOf(head, piece, tracks)).toThrow(corrupt);
    expect(() => restOf(Buffer.concat([piece, second]), head, tracks)).toThrow(corrupt);
    for (const length of [0, 7, 100, 200, piece.length - 1]) expect(() => restOf(piece.subarray(0, length), head, tracks)).toThrow(corrupt);
    await ffmpeg.close();
  }, 60_000);

  it("is told of before the first piece, and a piece that does not begin with it is told of whole, as one that does not go on", async () => {
    const { piece, second, head, init, ffmpeg } = await made();
    await ffmpeg.close();
    for (const [first, isNew] of [
      [piece, false],
      [second, true],
    ] as const) {
      const folder = join(await mkdtemp(join(root, "run-")), "film");
      const probed = { video: { codec: "h264", width: 320, height: 180, fps: 10, isReordered: true }, audio: undefined } as const;
      const runs: FakeRun[] = [];
      const told: Made[] = [];
      const run = startRun(
        { width: 0, height: 0, tenant: "t1", url: "rtsp://camera/", probed, audio: false, seconds: 1, hasHead: true, folder },
        { ffmpeg: fakeFfmpeg((one) => runs.push(one)), clock: systemClock, made: async (one) => void told.push(one) },
      );
      await expect.poll(() => runs.length).toBe(1);
      const target = runs[0]?.args.outputs[1]?.to as { readonly file: string };
      expect(dirname(target.file)).toBe(folder);
      await mkdir(folder, { recursive: true });
      for (const [name, content] of [
        ["head.mp4", init],
        ["init.mp4", init],
        ["h00000.m4s", head],
      ] as const)
        await writeFile(join(folder, name), content);
      await writeFile(target.file, "#EXTM3U\n#EXTINF:0.6,\nh00000.m4s\n");
      await expect.poll(() => told.length).toBe(1);
      expect(told[0]).toMatchObject({ path: join(folder, "h00000.m4s"), init: join(folder, "head.mp4"), isNew: false });
      await runs[0]?.piece(1, first);
      await expect.poll(() => told.length).toBe(2);
      await runs[0]?.piece(1, second);
      await expect.poll(() => told.length).toBe(3);
      run.stop();
      await run.done;
      expect(told.map((one) => one.isNew)).toEqual([false, isNew, false]);
      expect(told.map((one) => one.durationMs)).toEqual([told[0]?.durationMs, isNew ? 1000 : 1000 - (told[0]?.durationMs ?? 0), 1000]);
      expect(new Set(told.map((one) => one.init)).size).toBe(isNew ? 2 : 1);
    }
  }, 60_000);
});
