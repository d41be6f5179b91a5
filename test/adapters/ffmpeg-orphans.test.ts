import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { markFor } from "../../adapters/ffmpeg/leftovers.ts";
import { programAt } from "../../adapters/ffmpeg/programs.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { killParent } from "../e2e/parent-kills.ts";
import { canStartFfmpeg } from "../servers/for-tests.ts";
import { keptJournal, loopback } from "../support/media.ts";
import { isAlive } from "../support/process.ts";

const canRun = await canStartFfmpeg("no ffmpeg outlives its server");
const folder = await mkdtemp(join(tmpdir(), "tallywire-orphans-"));
const sleepers: ChildProcess[] = [];
afterAll(async () => {
  for (const sleeper of sleepers) sleeper.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

const searchPath = process.env.PATH ?? "";
const withoutSetpriv = async (): Promise<string> => {
  const path = await mkdtemp(join(folder, "path-"));
  for (const name of ["ffmpeg", "ffprobe"]) await symlink((await programAt(name, searchPath)) as string, join(path, name));
  return path;
};

describe.skipIf(!canRun)("no ffmpeg outlives its server", () => {
  it.each(["setpriv", "a watcher"])(
    "where the server is killed, bound by %s",
    async (binding) => {
      const path = binding === "setpriv" ? searchPath : await withoutSetpriv();
      let seen = 0;
      for (let kill = 0; kill < 10; kill += 1) {
        const { before, survivors } = await killParent({ folder, searchPath: path, runs: 2, afterMs: kill * 15 });
        expect(survivors).toEqual([]);
        seen += before;
      }
      // Else there was nothing to survive.
      expect(seen).toBeGreaterThan(5);
    },
    120_000,
  );
});

/** A process with this mark, as one that was left running. */
const leftover = async (mark: string | undefined): Promise<ChildProcess> => {
  const child = spawn("sleep", ["1000"], {
    stdio: "ignore",
    env: { PATH: searchPath, ...(mark === undefined ? {} : { CHILD_OF_TALLYWIRE: mark }) },
  });
  sleepers.push(child);
  await once(child, "spawn");
  return child;
};

describe.skipIf(process.platform !== "linux")("what an earlier server has left", () => {
  const begin = async (name: string) => {
    const journal = keptJournal();
    const lists = join(folder, name);
    const ffmpeg = await openFfmpeg({ folder: lists, network: loopback, journal, searchPath });
    const [, mark] = await markFor(lists);
    const [home, pid, begun] = mark.split(":") as [string, string, string];
    return { ffmpeg, journal, lists, mark, home, pid, begun };
  };

  it("is ended at the start: processes whose parent is gone, or whose number is another's by now", async () => {
    const { ffmpeg, journal, home, pid, begun } = await begin("ended");
    const gone = spawn("true");
    await once(gone, "exit");
    const left = [await leftover(`${home}:${gone.pid}:12345`), await leftover(`${home}:${pid}:${Number(begun) + 1}`)];
    const ends = left.map((child) => once(child, "exit"));
    expect(await ffmpeg.endLeftovers()).toBe(2);
    expect(await Promise.all(ends)).toEqual([
      [null, "SIGKILL"],
      [null, "SIGKILL"],
    ]);
    expect(journal.lines.filter((line) => line.includes("left running was ended"))).toHaveLength(2);
    expect(await ffmpeg.endLeftovers()).toBe(0);
  });

  it("does not touch what is ours, another server's, or nobody's", async () => {
    const { ffmpeg, mark, home } = await begin("kept");
    const others = await begin("others");
    expect(others.home).not.toBe(home);
    const kept = [await leftover(mark), await leftover(`${others.home}:1:1`), await leftover(undefined), await leftover("nonsense")];
    expect(await ffmpeg.endLeftovers()).toBe(0);
    expect(kept.map((child) => isAlive(child.pid as number))).toEqual([true, true, true, true]);
  });

  it("is removed: lists of what was to be read", async () => {
    const { ffmpeg, lists } = await begin("lists");
    await writeFile(join(lists, "0123.ffconcat"), "file 'rtsp://user:word@host/'");
    await ffmpeg.endLeftovers();
    expect(await readdir(lists)).toEqual([]);
  });
});
