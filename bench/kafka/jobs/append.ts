/** Frames held in memory, appended over and over: durable when it resolves. */
import { writeFileSync } from "node:fs";
import type { Frame } from "../../../domain/event.ts";
import { framesIn } from "./input.ts";
import { flood, type Job, secondsOf } from "./job.ts";
import { openLog, type Where } from "./log.ts";
import type { Request } from "./produce.ts";

export type Appending = Where & {
  readonly file: string;
  readonly frames: number;
  readonly perAppend: number;
  /** How often a pass appends all of them. */
  readonly rounds: number;
  /** Appends under way at once. */
  readonly atOnce: number;
  /** Where to write down, as JSON, what was sent in which request. */
  readonly recordTo: string | undefined;
};

/** Of one pass. */
export type Recorded = { readonly requests: readonly Request[]; readonly bytes: number };

export const append = async (given: Appending): Promise<Job> => {
  const requests: number[][] = [];
  let bytes = 0;
  const logs = await openLog(given, {
    onSend: (what) => {
      const request = new Array<number>(given.partitions).fill(0);
      for (const { records } of what)
        for (const { partition, value } of records) {
          request[partition] = (request[partition] as number) + 1;
          bytes += value?.length ?? 0;
        }
      requests.push(request);
    },
  });
  const appends: readonly (readonly Frame[])[] = [...framesIn(given.file, given.perAppend, given.frames)];
  return {
    pass: async () => {
      requests.length = 0;
      bytes = 0;
      const seconds = await secondsOf(() =>
        flood(Array.from({ length: given.rounds }, () => appends).flat(), given.atOnce, (frames) => logs.facts.append(frames)),
      );
      const recorded: Recorded = { requests, bytes };
      if (given.recordTo !== undefined) writeFileSync(given.recordTo, JSON.stringify(recorded));
      return { seconds, bytes, requests: requests.length };
    },
    end: () => logs.close(),
  };
};
