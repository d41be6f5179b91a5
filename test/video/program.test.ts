/** Whether ffmpeg is there: over a fake clock. */
import { describe, expect, it } from "vitest";
import { AdapterError } from "../../domain/ports.ts";
import { createStop } from "../../domain/stop.ts";
import { watchProgram } from "../../video/program.ts";
import { fakeClock } from "../support/fake-clock.ts";
import { journalOf } from "../support/playbacks.ts";

const gone = new AdapterError("unavailable", "The program ffmpeg is not on this machine", { retryable: true });

const stage = async (begins: string | Error) => {
  const [clock, stop, lines] = [fakeClock(0), createStop(), [] as string[]];
  let found = begins;
  const version = async (): Promise<string> => {
    if (typeof found !== "string") throw found;
    return found;
  };
  const program = await watchProgram({ version, clock, journal: journalOf(lines), stop: stop.signal });
  const become = async (next: string | Error): Promise<void> => {
    found = next;
    await clock.pass(61_000, 1000);
  };
  return { program, become, stop, lines };
};

describe("the program of films", () => {
  it("is looked for again and again, and what is another than before is said once", async () => {
    const { program, become, stop, lines } = await stage(gone);
    const seen = [program.version()];
    for (const next of [gone, "5.1.9", "5.1.9", "7.1", gone, gone, "7.1"]) {
      await become(next);
      seen.push(program.version());
    }
    expect(seen).toEqual([undefined, undefined, "5.1.9", "5.1.9", "7.1", undefined, undefined, "7.1"]);
    const [made, missing] = ["info films are made with ffmpeg", "warn no films are shown or recorded while ffmpeg is missing"];
    expect(lines).toEqual([missing, made, made, missing, made]);
    stop.stop();
    await program.done;
  });

  it("is watched until the end, and a defect is nobody's answer", async () => {
    const { program, become } = await stage("5.1.9");
    const failed = program.done.catch((error: unknown) => error);
    const defect = new TypeError("at line 7 of the inside");
    await become(defect);
    expect(await failed).toBe(defect);
    await expect(stage(defect)).rejects.toBe(defect);
  });
});
