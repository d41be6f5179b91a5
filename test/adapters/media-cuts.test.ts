import { mkdtemp, readdir, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { asClip, openCuts, wholeOf } from "../../adapters/media-ffmpeg/cuts.ts";
import type { Clip } from "../../domain/media.ts";

const folder = await mkdtemp(join(tmpdir(), "tallywire-cuts-"));
afterAll(() => rm(folder, { recursive: true }));
const fresh = (): Promise<string> => mkdtemp(join(folder, "one-"));
const [ours, theirs] = [
  { tenant: "t1", camera: "door" },
  { tenant: "t2", camera: "door" },
];

/** A cut of so many bytes. */
const ofBytes = (bytes: number) => (to: string) => writeFile(to, Buffer.alloc(bytes, "x"));
const refusal = (error: { readonly code: string; readonly retryable: boolean; readonly message: string }) => error;
const bitsOf = async ({ content }: Clip): Promise<Uint8Array[]> => {
  const bits: Uint8Array[] = [];
  for await (const bit of content) bits.push(bit);
  return bits;
};
const bytesIn = async (where: string): Promise<number> => {
  const names = await readdir(where);
  return (await Promise.all(names.map(async (name) => (await stat(join(where, name))).size))).reduce((sum, size) => sum + size, 0);
};

describe("cuts", () => {
  it("of a tenant who wants many stand in his own way: another's has a place in the full line, and its turn before them", async () => {
    const cuts = await openCuts(await fresh(), { atOnce: 1, waiting: 4 });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const order: string[] = [];
    const ask = (key: typeof ours, name: string) =>
      cuts(key, [name], async (to) => {
        await gate;
        order.push(`${key.tenant} ${name}`);
        await writeFile(to, name);
      }).then(() => "made", refusal);
    const greedy = Array.from({ length: 6 }, (_, at) => ask(ours, String(at)));
    // One is being cut, four wait, and there is no room for another of his own.
    expect(await greedy[5]).toMatchObject({ code: "full", retryable: true });
    const other = ask(theirs, "0");
    // His newest has given way.
    expect(await greedy[4]).toMatchObject({ code: "full", retryable: true });
    open();
    expect(await Promise.all([...greedy.slice(0, 4), other])).toEqual(["made", "made", "made", "made", "made"]);
    expect(order).toEqual(["t1 0", "t1 1", "t2 0", "t1 2", "t1 3"]);
  });

  it("wait for their turn no longer than they may", async () => {
    const cuts = await openCuts(await fresh(), { atOnce: 1, waitMs: 50 });
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const long = cuts(ours, ["long"], async (to) => {
      await gate;
      await writeFile(to, "long");
    });
    expect(await cuts(theirs, ["late"], ofBytes(1)).catch(refusal)).toMatchObject({
      code: "full",
      message: "Cutting pictures and films is busy: no turn within 50 ms.",
    });
    open();
    expect((await long).bytes).toBe(4);
    expect((await cuts(theirs, ["late"], ofBytes(1))).bytes).toBe(1);
  });

  it("are made once for all who ask, and each tenant has his own", async () => {
    const cuts = await openCuts(await fresh());
    let made = 0;
    const ask = (key: typeof ours) =>
      cuts(key, ["same"], async (to) => {
        made += 1;
        await writeFile(to, key.tenant);
      });
    const [one, two] = await Promise.all([ask(ours), ask(ours)]);
    const other = await ask(theirs);
    expect([made, one.path === two.path, one.path === other.path]).toEqual([2, true, false]);
    expect(new TextDecoder().decode((await wholeOf(other, "image/jpeg")).content)).toBe("t2");
  });

  it("that somebody has removed are made anew, and what is kept is counted as before, however many had looked for them", async () => {
    const where = await fresh();
    const cuts = await openCuts(where, { bytes: 30 });
    for (let round = 0; round < 3; round++) {
      const { path } = await cuts(ours, ["gone"], ofBytes(10));
      await rm(path);
      const found = await Promise.all(Array.from({ length: 5 }, () => cuts(ours, ["gone"], ofBytes(10))));
      expect(found.map(({ bytes }) => bytes)).toEqual([10, 10, 10, 10, 10]);
    }
    for (const name of ["a", "b", "c", "d"]) {
      await cuts(ours, [name], ofBytes(10));
      expect(await bytesIn(where)).toBeLessThanOrEqual(30);
    }
    // As many as there is room for, and no fewer.
    expect(await bytesIn(where)).toBe(30);
  });

  it("that are films are read bit by bit, from the beginning each time, and are open no longer than somebody reads", async () => {
    const cuts = await openCuts(await fresh());
    const content = Buffer.from(Array.from({ length: 700_000 }, (_, at) => at % 251));
    const made = await cuts(ours, ["film"], (to) => writeFile(to, content));
    const isOpen = async (): Promise<boolean> => {
      const open = await Promise.all((await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
      return open.includes(made.path);
    };
    const clip = asClip(made);
    expect([clip.bytes, await isOpen()]).toEqual([content.length, false]);
    for (const time of ["first", "second"]) {
      const bits = await bitsOf(clip);
      expect([time, Buffer.concat(bits).equals(content), Math.max(...bits.map(({ length }) => length)) < content.length / 2]).toEqual([
        time,
        true,
        true,
      ]);
    }
    for await (const _ of clip.content) {
      expect(await isOpen()).toBe(true);
      break;
    }
    expect(await isOpen()).toBe(false);
    await rm(made.path);
    await expect(bitsOf(clip)).rejects.toMatchObject({ code: "unavailable", retryable: true });
  });
});
