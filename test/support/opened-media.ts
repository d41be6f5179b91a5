/** Films by ffmpeg, as the suite of films opens them. */
import { join } from "node:path";
import { systemClock } from "../../adapters/clock.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openMedia } from "../../adapters/media-ffmpeg.ts";
import type { MediaEvent } from "../../domain/media.ts";
import type { OpenMedia } from "../conformance/media.suite.ts";
import { keptJournal, loopback } from "./media.ts";

export const openedMedia: OpenMedia = async (folder, how) => {
  const journal = keptJournal();
  const ffmpeg = await openFfmpeg({ folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" });
  const media = await openMedia({ folder, ffmpeg, clock: systemClock, journal, ...how });
  const events: MediaEvent[] = [];
  media.onEvent((event) => events.push(event));
  return { media, ffmpeg, events };
};
