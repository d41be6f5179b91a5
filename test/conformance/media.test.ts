import { describe } from "vitest";
import { canStartCamera, canStartFfmpeg } from "../servers/for-tests.ts";
import { openedMedia } from "../support/opened-media.ts";
import { mediaSuite } from "./media.suite.ts";

const canRun = (await canStartFfmpeg("live films by ffmpeg")) && (await canStartCamera("live films of real cameras"));

describe.skipIf(!canRun)("with ffmpeg", () => mediaSuite("films by ffmpeg", openedMedia));
