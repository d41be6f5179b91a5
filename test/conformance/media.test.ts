import { join } from "node:path";
import { describe } from "vitest";
import { systemClock } from "../../adapters/clock.ts";
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { openMedia } from "../../adapters/media-ffmpeg.ts";
import type { MediaEvent } from "../../domain/media.ts";
import { canStartCamera, canStartFfmpeg } from "../servers/for-tests.ts";
import { keptJournal, loopback } from "../support/media.ts";
import { mediaSuite, type OpenMedia } from "./media.suite.ts";
import { recordingSuite } from "./media-recording.suite.ts";

const canRun = (await canStartFfmpeg("films by ffmpeg")) && (await canStartCamera("films of real cameras"));

const open: OpenMedia = async (folder, how) => {
  const journal = keptJournal();
  const ffmpeg = await openFfmpeg({ folder: join(folder, "lists"), network: loopback, journal, searchPath: process.env.PATH ?? "" });
  const media = await openMedia({ folder, ffmpeg, clock: systemClock, journal, ...how });
  const events: MediaEvent[] = [];
  media.onEvent((event) => events.push(event));
  return { media, ffmpeg, events };
};

describe.skipIf(!canRun)("with ffmpeg", () => {
  mediaSuite("films by ffmpeg", open);
  recordingSuite("films by ffmpeg", open);
});
