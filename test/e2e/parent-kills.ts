/** Kills a process that runs ffmpeg, with -9, at some instant from before its children are there on, and looks whether any outlives it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../support/media.ts";

const PARENT = fileURLToPath(new URL("media-parent.ts", import.meta.url));
/** Milliseconds by which the kernel, or a watcher, has done what it should. */
const PATIENCE_MS = 5000;
/** What was on its way to become another program bears its mark late: nobody is to be seen for so long. */
const SETTLED_MS = 200;

export type Kill = {
  /** Children that were there right before. */
  readonly before: number;
  /** The command lines of those that were still there in the end; they are killed then. */
  readonly survivors: readonly string[];
  /** Milliseconds until none was there. */
  readonly goneMs: number;
};

export const killParent = async (how: { folder: string; searchPath: string; runs: number; afterMs: number }): Promise<Kill> => {
  const { folder, searchPath, runs, afterMs } = how;
  const parent = spawn(process.execPath, [PARENT, JSON.stringify({ folder, searchPath, runs })], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = parent.pid as number;
  const exited = once(parent, "exit");
  await once(createInterface({ input: parent.stdout }), "line");
  await sleep(afterMs);
  const before = (await childrenOf(pid)).length;
  process.kill(pid, "SIGKILL");
  const killedAt = performance.now();
  await exited;
  let left = await childrenOf(pid);
  let [goneMs, emptySince] = [0, Number.POSITIVE_INFINITY];
  for (;;) {
    const now = performance.now();
    if (left.length > 0) emptySince = Number.POSITIVE_INFINITY;
    else if (emptySince === Number.POSITIVE_INFINITY) [goneMs, emptySince] = [now - killedAt, now];
    if (now - emptySince > SETTLED_MS || now - killedAt > PATIENCE_MS) break;
    await sleep(left.length > 0 ? 5 : SETTLED_MS / 4);
    left = await childrenOf(pid);
  }
  for (const child of left) process.kill(child.pid, "SIGKILL");
  return { before, survivors: left.map(({ cmdline }) => cmdline.replaceAll("\0", " ")), goneMs };
};
