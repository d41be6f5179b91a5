import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { tellsOfError } from "./guarded-server.ts";

const JOURNAL = fileURLToPath(new URL("../../adapters/journal-pino.ts", import.meta.url));

describe("a line of a server's log", () => {
  it("is seen to tell of an error where the journal wrote one, and only there", async () => {
    // A process of its own: the journal writes to standard error.
    const program = `
      const { openJournal } = await import(${JSON.stringify(JOURNAL)});
      const journal = openJournal("debug");
      for (const level of ["error", "warn", "info", "debug"]) journal[level]({ err: new Error("broken") }, "a request failed");`;
    const { stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
    const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
    expect(lines.map(tellsOfError)).toEqual([true, false, false, false]);
  });
});
