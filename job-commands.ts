/** The commands that ask for work: backtest, which may work at the data itself, recompute, rebuild. */
import { Argument, type Command, InvalidArgumentError, Option } from "commander";
import type { BacktestOptions, BacktestParts } from "./backtest-command.ts";
import type { Config } from "./config.ts";
import { AdapterError, type Clock } from "./domain/ports.ts";
import { instantOf } from "./domain/timestamp.ts";
import type { JobParts, JobServer } from "./job-command.ts";
import { projections } from "./projections/index.ts";

const instant = (text: string): string => {
  const at = instantOf(text);
  if (typeof at === "string") throw new InvalidArgumentError(`${at}; it is written like 2026-01-31T08:00:00Z`);
  return text;
};
const several = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
const seconds = (text: string): number => {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError("is seconds, 0 or more");
  return value;
};

const atServer = (command: Command, scope: string, preset?: string): Command =>
  command
    .option("--server <url>", "a running server, which has the data", preset)
    .option("--token <text>", `the token, with the scope ${scope}`);

/** Ctrl-C cancels the job; a second one ends the command at once. */
const partsOf = (clock: Clock): JobParts => {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
  return {
    clock,
    stop: stopping.signal,
    print: (line) => console.log(line),
    complain: (line) => console.error(line),
  };
};

/** Asks for it, and prints what came of it as JSON. Gives the exit code. */
const plainly = async (clock: Clock, server: JobServer, resource: string, wish: object): Promise<number> => {
  const parts = partsOf(clock);
  const { endingOf, runJob } = await import("./job-command.ts");
  try {
    const job = await runJob(parts, server, resource, wish);
    if (job.state === "done") parts.print(JSON.stringify(job.result ?? null));
    else parts.complain(endingOf(job));
    return job.state === "done" ? 0 : 1;
  } catch (error) {
    if (!(error instanceof AdapterError)) throw error;
    parts.complain(error.message);
    return 1;
  }
};

type Recompute = JobServer & { readonly sensor: string; readonly from: string; readonly to: string; readonly definitions: string };
type Backtest = Omit<BacktestOptions, "rules"> & { readonly tenant?: string };
type Rebuild = JobServer & { readonly dropOld?: true };

type Settings = {
  readonly clock: Clock;
  readonly withSettings: (command: Command) => Command;
  readonly configFrom: (options: Readonly<Record<string, string>>) => Config;
};
const LOCAL = "http://127.0.0.1:8080";

export const addJobCommands = (program: Command, { clock, withSettings, configFrom }: Settings): void => {
  atServer(
    withSettings(program.command("backtest"))
      .description("find out what other tripwires, regions and rules would have given over recorded frames")
      .argument("[rules]", "a JSON file of tripwires, rois, rules and settings; what was in force when left out")
      .option("--sensor <id>", "of which sensor; may be repeated", several)
      .requiredOption("--from <instant>", "RFC 3339 instant: what happened then or later", instant)
      .requiredOption("--to <instant>", "RFC 3339 instant: what happened before", instant)
      .option("--late", "take frames that came late in at their place")
      .option("--labels <file>", "what somebody saw, to be found again: JSON, or CSV with sensorId, tripwireId, timestamp, direction")
      .option("--tolerance <s>", "seconds by which a label and a crossing may be apart", seconds)
      .option("--csv <file>", "write the alerts, those of then and of now, to a file that is not there yet")
      .option("--tenant <id>", "whose sensors; a server knows it by the token"),
    "events:read",
  ).action(async (rules: string | undefined, options: Backtest) => {
    const { sensor, from, to, late, labels, tolerance, csv, tenant, server, token, ...settings } = options;
    const parts = partsOf(clock);
    const { backtestCommand } = await import("./backtest-command.ts");
    const here: BacktestParts["here"] = async (sent, told) => {
      const { backtestHere } = await import("./backtest-here.ts");
      const config = configFrom(settings as Readonly<Record<string, string>>);
      return backtestHere({ config, tenant: tenant ?? config.EMDX_TENANT, stop: parts.stop, ...told }, sent);
    };
    const asked = { rules, sensor, from, to, late, labels, tolerance, csv, server, token };
    process.exitCode = await backtestCommand({ ...parts, here }, asked);
  });

  atServer(
    program
      .command("recompute")
      .description("derive the past of a sensor again, with the frames that came late or with the rules of now")
      .requiredOption("--sensor <id>", "which sensor")
      .requiredOption("--from <instant>", "RFC 3339 instant: what happened then or later", instant)
      .requiredOption("--to <instant>", "RFC 3339 instant: what happened before", instant)
      .addOption(
        new Option("--definitions <which>", "with those that were in force, or those of now").choices(["then", "now"]).default("then"),
      ),
    "cameras:write",
    LOCAL,
  ).action(async ({ sensor, from, to, definitions, ...server }: Recompute) => {
    process.exitCode = await plainly(clock, server, "/recomputes", { sensorId: sensor, fromTimestamp: from, toTimestamp: to, definitions });
  });

  atServer(
    program
      .command("rebuild")
      .description("build a table of the warehouse anew from the log, beside the one that is used")
      .addArgument(new Argument("<projection>", "which table").choices(projections.map(({ name }) => name)))
      .option("--drop-old", "drop the table that was kept when the new one took its place"),
    "ops",
    LOCAL,
  ).action(async (projection: string, { dropOld, ...server }: Rebuild) => {
    process.exitCode = await plainly(clock, server, "/rebuilds", { projection, step: dropOld === true ? "drop-old" : "rebuild" });
  });
};
