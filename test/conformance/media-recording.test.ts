import { describe } from "vitest";
import { canStartCamera, canStartFfmpeg } from "../servers/for-tests.ts";
import { openedMedia } from "../support/opened-media.ts";
import { recordingSuite } from "./media-recording.suite.ts";

const canRun = (await canStartFfmpeg("recordings by ffmpeg")) && (await canStartCamera("recordings of real cameras"));

describe.skipIf(!canRun)("with ffmpeg", () => recordingSuite("films by ffmpeg", openedMedia));
