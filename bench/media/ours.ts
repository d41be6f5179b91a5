/** Films as a server makes them, without the server: for what they take and how long they need. */
import { join } from "node:path";
import { systemClock } from "../../adapters/clock.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openMedia } from "../../adapters/media-ffmpeg.ts";
import type { Media } from "../../domain/ports.ts";
import { keptJournal, loopback } from "../../test/support/media.ts";

/** `streams`: live films at once. */
export const openOurs = async (folder: string, streams: number): Promise<{ readonly media: Media; close(): Promise<void> }> => {
  const journal = keptJournal();
  const ffmpeg = await openFfmpeg({ folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" });
  const media = await openMedia({ folder, ffmpeg, clock: systemClock, journal, streams, streamsPerTenant: streams });
  return {
    media,
    close: async () => {
      await media.close();
      await ffmpeg.close();
    },
  };
};
