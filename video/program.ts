/** Whether the program that films are made with is there: looked at time and again, since it may come and go while we run. */
import { AdapterError, type Clock, type Films, type Journal, type Stop } from "../domain/ports.ts";

type ProgramWorld = {
  readonly version: Films["version"];
  readonly clock: Pick<Clock, "sleep">;
  readonly journal: Pick<Journal, "info" | "warn">;
  readonly stop: Stop;
};

export type Program = {
  /** As it said it the last time; undefined where there is none that can be used. */
  version(): string | undefined;
  /** Looking: ends when stopped, rejects with a defect. */
  readonly done: Promise<void>;
};

const LOOK_MS = 60_000;

/** Resolves after the first look. What is found is told in the journal, whenever it is another thing than before. */
export const watchProgram = async ({ version, clock, journal, stop }: ProgramWorld): Promise<Program> => {
  let seen: { readonly version: string | undefined } | undefined;
  const look = async (): Promise<void> => {
    try {
      const found = await version();
      if (seen?.version !== found) journal.info({ version: found }, "films are made with ffmpeg");
      seen = { version: found };
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      // All else is served without it, and what asks for a film is told.
      if (seen === undefined || seen.version !== undefined)
        journal.warn({ err: error }, "no films are shown or recorded while ffmpeg is missing");
      seen = { version: undefined };
    }
  };
  const watch = async (): Promise<void> => {
    while (!stop.aborted) {
      await clock.sleep(LOOK_MS, stop);
      if (!stop.aborted) await look();
    }
  };
  await look();
  return { version: () => seen?.version, done: watch() };
};
