/** A fake ffmpeg: it makes no film. What it has made is told by the test, which writes its list and its pieces. */
import { rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Arguments } from "../../adapters/ffmpeg/arguments.ts";
import type { Finished, Session } from "../../adapters/ffmpeg/session.ts";
import type { Ffmpeg } from "../../adapters/ffmpeg.ts";
import type { MediaFailure } from "../../domain/media.ts";

const CAME = { returnCode: 0, output: Buffer.alloc(0), tookMs: 0, mediaBytes: 0 } as const;

export type FakeRun = {
  readonly args: Arguments;
  /** The next piece is whole. What is in it is no film, where nothing is said. */
  piece(durationSeconds: number, content?: Uint8Array | string): Promise<void>;
  fail(failure: MediaFailure): void;
  readonly isEnded: () => boolean;
};

/** `began` is called for each that is started, and may throw in its place; `ending` as one is told to end. */
export const fakeFfmpeg = (began: (run: FakeRun) => void, ending: (run: FakeRun) => Promise<void> = async () => undefined): Ffmpeg => {
  let running = 0;
  const no = (): never => {
    throw new Error("a fake ffmpeg does not do that");
  };
  const execute: Ffmpeg["execute"] = (args, how): Session => {
    const target = args.outputs[0]?.to;
    const list = typeof target === "object" ? target.file : "";
    let [text, count, isEnded, isStopping] = ["#EXTM3U\n", 0, false, false];
    let finish: (finished: Finished) => void = no;
    const done = new Promise<Finished>((resolve) => {
      finish = resolve;
    });
    const end = (finished: Finished): void => {
      if (!isEnded) running -= 1;
      isEnded = true;
      finish(finished);
    };
    const run: FakeRun = {
      args,
      async piece(durationSeconds, content = "piece") {
        const name = `s${String(count).padStart(5, "0")}.m4s`;
        count += 1;
        await writeFile(join(dirname(list), name), content);
        text += `#EXTINF:${durationSeconds.toFixed(6)},\n${name}\n`;
        await writeFile(`${list}.tmp`, text);
        await rename(`${list}.tmp`, list);
      },
      fail: (failure) => end({ ...CAME, state: "failed", failure }),
      isEnded: () => isEnded,
    };
    began(run);
    running += 1;
    const cancel = (): Promise<Finished> => {
      if (!isStopping && !isEnded) void ending(run).then(() => end({ ...CAME, state: "cancelled" }));
      isStopping = true;
      return done;
    };
    if (how.signal?.aborted) void cancel();
    how.signal?.addEventListener("abort", () => void cancel(), { once: true });
    const session = {
      id: "1",
      state: "running",
      returnCode: undefined,
      logs: [],
      droppedLogs: 0,
      statistics: undefined,
      pid: undefined,
    } as const;
    return { ...session, cancel, done };
  };
  return { find: no, probe: no, endLeftovers: no, execute, running: () => running, close: async () => undefined };
};
