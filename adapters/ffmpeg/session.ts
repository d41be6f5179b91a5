/** One run of a program: from being asked to its end. */

import { limits } from "../../domain/limits.ts";
import type { MediaFailure as Failure } from "../../domain/media.ts";
import type { AdapterError } from "../../domain/ports.ts";
import type { RelayEnd } from "../rtsp/end.ts";
import { failureFrom } from "./failure.ts";
import type { Launched } from "./launch.ts";
import { type LogLine, logKeeper } from "./logs.ts";
import { progressReader, type Statistics } from "./statistics.ts";

export type SessionState = "created" | "running" | "completed" | "failed" | "cancelled";

export type Finished = {
  readonly state: "completed" | "failed" | "cancelled";
  /** 128 and the signal's number where it was killed; undefined where it did not come to run. */
  readonly returnCode: number | undefined;
  /** Where it failed. */
  readonly failure?: Failure;
  /** What it wrote to `memory`. */
  readonly output: Buffer;
  /** Milliseconds it ran. */
  readonly tookMs: number;
  /** Bytes of media that came from cameras. */
  readonly mediaBytes: number;
};

export type Session = {
  readonly id: string;
  readonly state: SessionState;
  readonly returnCode: number | undefined;
  /** The newest lines it said, without credentials. */
  readonly logs: readonly LogLine[];
  /** Older ones that were dropped. */
  readonly droppedLogs: number;
  /** The newest; undefined before the first, which comes within a second. */
  readonly statistics: Statistics | undefined;
  /** Its number while it runs. */
  readonly pid: number | undefined;
  /** Asks it to end, finishing what it writes, and kills it where it takes too long. Resolves at its end. */
  cancel(): Promise<Finished>;
  /** Never rejects. */
  readonly done: Promise<Finished>;
};

export type How = {
  /** Milliseconds after which it is ended and has failed. */
  readonly mostMs: number | "endless";
  /** It has time: everything else goes before it. Of what encodes, which else takes all there is. */
  readonly givesWay?: boolean;
  /** Cancels it. */
  readonly signal?: AbortSignal;
  /** Called about twice a second while it runs, and at its end. */
  readonly onStatistics?: (statistics: Statistics) => void;
};

/** What a session needs from whoever prepares it. */
export type Prepared = {
  readonly launch: () => Launched;
  readonly secrets: readonly string[];
  /** Called when the program has read what it was given: its first statistics, or its end. */
  readonly started: () => void;
  /** Called at the end: how the relays ended. */
  readonly finished: () => Promise<readonly RelayEnd[]>;
};

export const startSession = (id: string, prepare: (signal: AbortSignal) => Promise<Prepared>, how: How, stopMs: number): Session => {
  let state: SessionState = "created";
  let statistics: Statistics | undefined;
  let returnCode: number | undefined;
  let logs: ReturnType<typeof logKeeper> = logKeeper([]);
  let running: Launched | undefined;
  let killing: NodeJS.Timeout | undefined;
  /** Why we ended it ourselves. */
  let reason: "cancelled" | Failure | undefined;
  let isOver = false;
  const stop = new AbortController();

  const end = (why: "cancelled" | Failure): void => {
    if (reason !== undefined || isOver) return;
    reason = why;
    stop.abort();
    running?.signal("TERM");
    killing = setTimeout(() => running?.signal("KILL"), stopMs);
  };

  const run = async (): Promise<Finished> => {
    const output: Buffer[] = [];
    let bytes = 0;
    let [tookMs, mediaBytes] = [0, 0];
    const came = () => ({ output: Buffer.concat(output), tookMs, mediaBytes });
    const fail = (failure: Failure): Finished => ({ state: "failed", returnCode, failure, ...came() });
    const cancelled = (): Finished => ({ state: "cancelled", returnCode, ...came() });
    const ended = (): Finished | undefined => (reason === undefined ? undefined : reason === "cancelled" ? cancelled() : fail(reason));

    let prepared: Prepared;
    try {
      prepared = await prepare(stop.signal);
    } catch (error) {
      const { code, message } = error as AdapterError;
      return ended() ?? fail({ reason: code === "unavailable" ? "missing" : "storage", message });
    }
    const { launch, secrets, started, finished } = prepared;
    if (reason !== undefined) {
      await finished();
      return ended() as Finished;
    }
    logs = logKeeper(secrets);
    const begunAt = performance.now();
    const child = launch();
    running = child;
    state = "running";
    child.stderr.setEncoding("utf8").on("data", logs.push);
    const progress = progressReader((read) => {
      if (statistics === undefined) started();
      statistics = read;
      how.onStatistics?.(read);
    });
    child.progress.setEncoding("utf8").on("data", progress);
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limits.ffmpegOutputBytes) output.push(chunk);
      else end({ reason: "too-large", message: `More than ${limits.ffmpegOutputBytes} bytes came out.` });
    });
    const { code, error } = await child.ended;
    running = undefined;
    returnCode = code;
    tookMs = performance.now() - begunAt;
    logs.end();
    started();
    const relays = await finished();
    mediaBytes = relays.reduce((sum, relay) => sum + relay.mediaBytes, 0);
    const ours = ended();
    if (ours !== undefined) return ours;
    if (error !== undefined) return fail({ reason: "unknown", message: error });
    // A program whose camera goes away ends as if its film were over.
    const isWhole = relays.every((relay) => relay.reason === "closed");
    if (code === 0 && isWhole) return { state: "completed", returnCode, ...came() };
    return fail(failureFrom(relays, logs.lines, `The program ended with ${code}.`));
  };

  const late =
    how.mostMs === "endless"
      ? undefined
      : setTimeout(() => end({ reason: "too-long", message: `It took more than ${how.mostMs} ms.` }), how.mostMs);
  const cancel = (): void => end("cancelled");
  const done = run().then((finished) => {
    isOver = true;
    clearTimeout(late);
    clearTimeout(killing);
    how.signal?.removeEventListener("abort", cancel);
    state = finished.state;
    return finished;
  });
  if (how.signal?.aborted) cancel();
  else how.signal?.addEventListener("abort", cancel, { once: true });

  return {
    id,
    get state() {
      return state;
    },
    get returnCode() {
      return returnCode;
    },
    get logs() {
      return logs.lines;
    },
    get droppedLogs() {
      return logs.dropped();
    },
    get statistics() {
      return statistics;
    },
    get pid() {
      return running?.pid;
    },
    cancel: () => {
      cancel();
      return done;
    },
    done,
  };
};
