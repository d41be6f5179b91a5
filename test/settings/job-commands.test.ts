import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addJobCommands } from "../../job-commands.ts";
import { fakeClock } from "../support/fake-clock.ts";

const programOf = (): Command => {
  const program = new Command();
  const configFrom = () => {
    throw new Error("no settings are needed");
  };
  addJobCommands(program, { clock: fakeClock(0), withSettings: (command) => command, configFrom });
  for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: () => {} });
  return program;
};

describe("tallywire rebuild", () => {
  it("of a table that there is not says which there are, before any server is asked", async () => {
    // Nobody listens there: asked, it would say so.
    const asked = programOf().parseAsync(["rebuild", "nothing", "--server", "http://127.0.0.1:9"], { from: "user" });
    await expect(asked).rejects.toMatchObject({
      code: "commander.invalidArgument",
      message: expect.stringMatching(/Allowed choices.*alerts/),
    });
  });
});
