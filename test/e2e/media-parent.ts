/** A process that starts endless ffmpeg runs and waits to be killed: `media-parent.ts {"folder":…,"searchPath":…,"runs":…}`. */
import { openFfmpeg } from "../../adapters/ffmpeg.ts";
import { keptJournal, loopback } from "../support/media.ts";

const { folder, searchPath, runs } = JSON.parse(process.argv[2] as string) as { folder: string; searchPath: string; runs: number };
const ffmpeg = await openFfmpeg({ folder, searchPath, network: loopback, journal: keptJournal() });
process.stdout.write("starting\n");
for (let run = 0; run < runs; run += 1)
  ffmpeg.execute(
    {
      inputs: [{ from: { made: "testsrc=size=64x64:rate=5" }, options: { re: true } }],
      outputs: [{ to: "nothing", format: "null", options: { "c:v": "wrapped_avframe" } }],
    },
    { mostMs: "endless" },
  );
