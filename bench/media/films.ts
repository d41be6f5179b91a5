/**
 * A process that makes live films by copy and gives each to one player, and says what they took. Forked; told what to do by a message,
 * answers with what it saw.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { childrenOf } from "../../test/support/media.ts";
import { processorOf } from "../support/processes.ts";
import { openOurs } from "./ours.ts";
import { inAll, type Played, play } from "./player.ts";
import { doAsTold } from "./told.ts";

export type Filming = {
  readonly url: string;
  /** Each of a camera of its own, so that none share. */
  readonly sessions: number;
  readonly settleMs: number;
  readonly seconds: number;
};
/** `ffmpeg`, `own`: seconds of processor while it was looked at, of all the programs and of the process that started them. */
export type Filmed = { readonly ffmpeg: number; readonly own: number; readonly played: Played };

doAsTold(async ({ url, sessions, settleMs, seconds }: Filming): Promise<Filmed> => {
  const folder = await mkdtemp(join(tmpdir(), "tallywire-bench-films-"));
  const { media, close } = await openOurs(folder, sessions);
  try {
    const streams = Array.from({ length: sessions }, (_, at) =>
      media.live({ tenant: "bench", camera: `camera-${at}`, url, width: 0, height: 0, audio: false }),
    );
    for (const { ready } of streams) {
      const state = await ready;
      if (state.state !== "running") throw new Error(`a film does not come: ${JSON.stringify(state)}`);
    }
    const playing = streams.map((stream) =>
      play(async (uri) => (await stream.file(uri === "" ? "index.m3u8" : uri))?.content, settleMs + seconds * 1000),
    );
    await sleep(settleMs);
    const pids = (await childrenOf(process.pid)).map(({ pid }) => pid);
    if (pids.length !== sessions) throw new Error(`${sessions} films are made by ${pids.length} programs`);
    const sum = (): number => pids.reduce((total, pid) => total + processorOf(pid), 0);
    const [before, beforeOwn] = [sum(), processorOf(process.pid)];
    await sleep(seconds * 1000);
    const [ffmpeg, own] = [sum() - before, processorOf(process.pid) - beforeOwn];
    return { ffmpeg, own, played: inAll(await Promise.all(playing)) };
  } finally {
    await close();
    await rm(folder, { recursive: true, force: true });
  }
});
