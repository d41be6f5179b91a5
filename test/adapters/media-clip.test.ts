import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Ffmpeg, openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openCuts } from "../../adapters/media-ffmpeg/cuts.ts";
import { openCutting } from "../../adapters/media-ffmpeg/cutting.ts";
import { openShelf } from "../../adapters/media-ffmpeg/shelf.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { madePieces, played, shelve } from "../support/films.ts";
import { keptJournal, loopback } from "../support/media.ts";

const canRun = await canStartFfmpeg("clips");
const folder = await mkdtemp(join(tmpdir(), "tallywire-clip-"));
const fresh = (): Promise<string> => mkdtemp(join(folder, "one-"));
const NOON = Date.parse("2026-03-01T12:00:00.000Z");

/** Ten pictures a second, a keyframe every half second, pieces of a second. */
describe.skipIf(!canRun)("a clip", () => {
  let ffmpeg: Ffmpeg;
  let cutting: ReturnType<typeof openCutting>;
  const [silent, loud] = [
    { tenant: "t1", camera: "silent" },
    { tenant: "t1", camera: "loud" },
  ];
  beforeAll(async () => {
    const journal = keptJournal();
    ffmpeg = await openFfmpeg({ folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" });
    const shelf = await openShelf(join(folder, "recordings"));
    cutting = openCutting(ffmpeg, shelf, await openCuts(join(folder, "cuts")));
    for (const [camera, hasSound] of [
      [silent, false],
      [loud, true],
    ] as const) {
      const made = await madePieces(ffmpeg, await fresh(), 4, { hasSound });
      // A gap, and in the first run none of its third piece.
      await shelve(shelf, camera, "aaaaaaaa", NOON, made, [0, 1, 3]);
      await shelve(shelf, camera, "bbbbbbbb", NOON + 20_000, made);
    }
  }, 60_000);
  afterAll(async () => {
    await ffmpeg?.close();
    await rm(folder, { recursive: true });
  });

  const clip = async (camera: typeof silent, from: number, to: number) => {
    const film = await cutting.clip(camera, NOON + from, NOON + to);
    if ("notRecorded" in film) throw new Error("nothing was recorded");
    const path = join(await fresh(), "clip.mp4");
    await writeFile(path, film.content);
    const { output } = await ffmpeg.execute(
      {
        inputs: [{ from: { file: path } }],
        outputs: [{ to: "memory", format: "framemd5", options: { map: "0:v:0", fps_mode: "passthrough" } }],
      },
      { mostMs: 60_000 },
    ).done;
    const sums = output
      .toString()
      .split("\n")
      .filter((line) => /^0,/.test(line))
      .map((line) => line.split(",").at(-1)?.trim());
    return { path, sums };
  };
  const soundOf = async (path: string): Promise<string | undefined> => {
    const probed = await ffmpeg.probe({ file: path });
    return "audio" in probed ? probed.audio?.codec : undefined;
  };

  it("begins at the keyframe at or before its first instant, and ends at its last", async () => {
    const whole = await clip(silent, 0, 2000);
    expect((await played(ffmpeg, whole.path)).frames).toBe(20);
    for (const [from, to, first, end] of [
      [0, 1000, 0, 10],
      [0, 1500, 0, 15],
      [0, 1100, 0, 11],
      [500, 1500, 5, 15],
      [700, 1200, 5, 12],
      [900, 1900, 5, 19],
      [1000, 1700, 10, 17],
      [1600, 2000, 15, 20],
    ] as const) {
      const { sums } = await clip(silent, from, to);
      expect([from, to, sums]).toEqual([from, to, whole.sums.slice(first, end)]);
    }
  }, 60_000);

  it("over gaps is what there is of it, as exact at both of its ends", async () => {
    const [a, b, c] = [await clip(silent, 0, 2000), await clip(silent, 3000, 4000), await clip(silent, 20_000, 24_000)];
    const all = await clip(silent, 0, 24_000);
    expect(all.sums).toEqual([...a.sums, ...b.sums, ...c.sums]);
    expect((await played(ffmpeg, all.path)).frames).toBe(all.sums.length);
    expect((await clip(silent, 1200, 3300)).sums).toEqual([...a.sums.slice(10), ...b.sums.slice(0, 3)]);
    expect((await clip(silent, 3500, 21_200)).sums).toEqual([...b.sums.slice(5), ...c.sums.slice(0, 12)]);
    // Asked for up to where nothing is.
    expect((await clip(silent, 1500, 2500)).sums).toEqual(a.sums.slice(15));
  }, 60_000);

  it("has its sound, and ends with it", async () => {
    const whole = await clip(loud, 0, 2000);
    expect([(await played(ffmpeg, whole.path)).frames, await soundOf(whole.path)]).toEqual([20, "aac"]);
    const part = await clip(loud, 700, 1200);
    expect([part.sums, await soundOf(part.path)]).toEqual([whole.sums.slice(5, 12), "aac"]);
    const over = await clip(loud, 1200, 3300);
    expect([over.sums.length, await soundOf(over.path)]).toEqual([13, "aac"]);
  }, 60_000);
});
