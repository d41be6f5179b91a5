/** Kills a process that runs ffmpeg, with -9, at some instant from before its children are there on, and looks whether any outlives it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { childrenOf } from "../support/media.ts";

const PARENT = fileURLToPath(new URL("media-parent.ts", import.meta.url));
/** Milliseconds by which the kernel, or a watcher, has done what it should. */
const PATIENCE_MS = 3000;

export type Kill = {
  /** Children that were there right before. */
  readonly before: number;
  /** Those that were still there in the end; they are killed then. */
  readonly survivors: number;
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
  while (left.length > 0 && performance.now() - killedAt < PATIENCE_MS) {
    await sleep(5);
    left = await childrenOf(pid);
  }
  const goneMs = performance.now() - killedAt;
  // What has not become another program yet bears no mark: it is looked for once more.
  await sleep(20);
  left = await childrenOf(pid);
  for (const child of left) process.kill(child.pid, "SIGKILL");
  return { before, survivors: left.length, goneMs };
};
