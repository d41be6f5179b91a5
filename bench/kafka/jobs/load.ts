/** Definitions of what every sensor has, and the frames of a file, into the facts of a log. Not measured. */
import type { Frame } from "../../../domain/event.ts";
import { definitionsFor } from "../../small-job.ts";
import { framesIn } from "./input.ts";
import { flood, type Job } from "./job.ts";
import { openLog, type Where } from "./log.ts";

export type Loading = Where & {
  readonly file: string;
  readonly frames: number;
  readonly perAppend: number;
  /** Appends under way at once: what is gathered meanwhile shares a block. */
  readonly atOnce: number;
};

const SENSORS = 100;

export const load = async (given: Loading): Promise<Job> => {
  const logs = await openLog(given);
  return {
    pass: async () => {
      const [first = []] = framesIn(given.file, SENSORS, SENSORS);
      await logs.facts.append(definitionsFor(new Set(first.map(({ camera }) => camera)), 1));
      let objects = 0;
      await flood(framesIn(given.file, given.perAppend, given.frames), given.atOnce, (frames: readonly Frame[]) => {
        for (const frame of frames) objects += frame.objects.length;
        return logs.facts.append(frames);
      });
      return { objects };
    },
    end: () => logs.close(),
  };
};
