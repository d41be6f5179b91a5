#!/usr/bin/env node
/** The composition root's command line. What a command needs is loaded when it is run: no command waits for the whole server. */
import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError, Option } from "commander";
import { quietClock, systemClock } from "./adapters/clock.ts";
import { type Config, ConfigError, flags, keySourceOf, readConfig, showConfig } from "./config.ts";
import type { Access } from "./domain/access.ts";
import { limits } from "./domain/limits.ts";
import { AdapterError } from "./domain/ports.ts";
import { instantOf } from "./domain/timestamp.ts";
import type { ImportOptions } from "./ingest/file.ts";
import { fileFormats } from "./ingest/file-formats.ts";
import { ImportError } from "./ingest/file-text.ts";
import { addJobCommands } from "./job-commands.ts";
import type { ReplayOptions } from "./replay-command.ts";
import { ReplayError } from "./replay-stream.ts";
import type { Wanted } from "./token-command.ts";
import type { VerifyOptions } from "./verify-command.ts";

const configFrom = (options: Readonly<Record<string, string>>): Config => {
  const given = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), value]),
  );
  return readConfig(process.env, given);
};

const sizeOf = (text: string): { readonly width: number; readonly height: number } => {
  const [, width, height] = /^(\d{1,5})x(\d{1,5})$/.exec(text) ?? [];
  if (width === undefined || height === undefined) throw new InvalidArgumentError("is written like 1280x720");
  return { width: Number(width), height: Number(height) };
};

const startOf = (text: string): number => {
  const at = instantOf(text);
  if (typeof at === "string") throw new InvalidArgumentError(`${at}; it is written like 2026-01-31T08:00:00Z`);
  return at;
};

const program = new Command("tallywire")
  .description("Counts and alerts from tracked objects, live and from history.")
  .showHelpAfterError()
  .addHelpText("after", "\nEvery setting is also an environment variable TALLYWIRE_<NAME>, or a line of the JSON file given by --config.");

const withSettings = (command: Command): Command => {
  command.addOption(new Option("--config <file>", "a JSON file of settings"));
  for (const { flag, help } of flags) command.addOption(new Option(flag, help));
  return command;
};

withSettings(program.command("serve", { isDefault: true }).description("serve until stopped")).action(
  async (options: Record<string, string>) => {
    const config = configFrom(options);
    const { serve } = await import("./serve.ts");
    await serve(config);
  },
);

withSettings(program.command("config").description("print the settings in force, secrets masked")).action(
  (options: Record<string, string>) => {
    for (const [name, value] of Object.entries(showConfig(configFrom(options)))) console.log(`${name}=${value}`);
  },
);

program
  .command("import")
  .description("send a file of recorded frames to a running server")
  .argument("<file>", "MOT text, OpenDataCam JSON, DeepStream lines, NDJSON, or boxes line by line; .gz is unpacked")
  .option("--to <url>", "the server", "http://127.0.0.1:8080")
  .addOption(new Option("--format <name>", "as what to read it; else found out from the file").choices(fileFormats))
  .option("--sensor <id>", "sensor of files that name none")
  .option("--fps <n>", "frames a second of files without timestamps", Number)
  .option("--start <instant>", "RFC 3339 instant of the first frame of such files", startOf)
  .option("--type <name>", "object type of files that name none")
  .option("--pace <n>", "times the recorded pace; as fast as it goes when left out", Number)
  .option("--size <WxH>", "picture size in pixels, of files with relative coordinates", sizeOf)
  .action(async (file: string, options: Omit<ImportOptions, "file" | "clock">) => {
    const { importFile } = await import("./ingest/file.ts");
    const done = await importFile({ ...options, file, clock: systemClock });
    for (const { line, detail } of done.rejected) console.error(`${file}:${line}: ${detail}`);
    const again = done.resumedAt > 0 ? `, after ${done.resumedAt} of an earlier import` : "";
    console.log(
      `${done.frames} frames sent${again}: ${done.accepted} accepted, ${done.duplicates} known before, ${done.rejections} rejected`,
    );
    if (done.rejections > 0) process.exitCode = 1;
  });

const collected = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** Throws ReplayError for a file that cannot be read, and for one that says what cannot be. */
const accessIn = async (path: string): Promise<Access> => {
  const { readAccess } = await import("./ingest/source-settings.ts");
  try {
    return readAccess(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new ReplayError(`--access ${path}: ${(cause as Error).message}`, { cause });
  }
};

type ReplayFlags = Pick<
  ReplayOptions,
  "what" | "from" | "to" | "since" | "pace" | "follow" | "states" | "format" | "fps" | "server" | "token"
> & {
  readonly sensor?: readonly string[];
  readonly out: string;
  readonly access?: string;
};
program
  .command("replay")
  .description("send recorded alerts or facts again: into a file, to standard output, or into a Kafka topic")
  .addOption(new Option("--what <kind>", "what is sent").choices(["alerts", "facts"]).default("alerts"))
  .option("--sensor <id>", "of which sensor; may be repeated with alerts, which are of all where none is named", collected)
  .option("--from <instant>", "RFC 3339 instant: what happened then or later", startOf)
  .option("--to <instant>", "RFC 3339 instant: what happened before", startOf)
  .option("--since <cursor>", "from where in the log: a cursor, a position that a write answered, or an instant of arrival")
  .option("--pace <n>", "times the recorded pace; as fast as it goes when left out")
  .option("--follow", "go on with what comes, until stopped")
  .option("--states", "with facts: what became of the camera as well, among the frames")
  .addOption(new Option("--format <name>", "how facts are written").choices(["ndjson", "mot"]).default("ndjson"))
  .option("--fps <n>", "frames a second of MOT text; 1000 when left out: one for each millisecond")
  .option("--out <where>", "a file that is not there yet, - for standard output, or kafka://host:port/topic", "-")
  .option("--access <file>", "a JSON file of what is shown to that Kafka, as under access of a source")
  .option("--server <url>", "the server", "http://127.0.0.1:8080")
  .option("--token <text>", "the token, where the server asks for one")
  .action(async ({ sensor, out, access, ...options }: ReplayFlags) => {
    const stopping = new AbortController();
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
    const [{ replay }, { openOutput }] = await Promise.all([import("./replay-command.ts"), import("./replay-outputs.ts")]);
    const output = await openOutput(out, async (url) => {
      const [{ openKafkaTopic }, { openJournal }] = await Promise.all([
        import("./adapters/topic-kafka.ts"),
        import("./adapters/journal-pino.ts"),
      ]);
      return openKafkaTopic(
        { url, journal: openJournal("warn"), ...(access !== undefined && { access: await accessIn(access) }) },
        systemClock,
      );
    });
    // Standard output may be what is written to.
    const tell = (line: string): void => console.error(line);
    const done = await replay({ ...options, sensors: sensor ?? [], output, clock: systemClock, tell, signal: stopping.signal });
    const on = done.cursor === undefined ? "" : `; --since ${done.cursor} goes on from here`;
    tell(`${done.lines} lines written to ${out === "-" ? "standard output" : out.replace(/\/\/[^@/]*@/, "//***@")}${on}`);
  });

withSettings(program.command("token").description("mint a token for development, with the secret or the private key of the settings"))
  .requiredOption("--tenant <id>", "whose data it opens")
  .requiredOption("--scope <names>", "what may be done with it, separated by spaces")
  .option("--subject <name>", "who it stands for")
  .option("--expires <time>", "how long it lasts: 90s, 30m, 1h, 7d", "1h")
  .option("--camera-limit <n>", "lowers how many cameras the tenant may have")
  .option("--features <names>", "lowers which object types become events, separated by commas")
  .action(async (options: Record<string, string> & Wanted) => {
    const config = configFrom(options);
    const source = keySourceOf(config);
    if (source === undefined) throw new ConfigError(["TALLYWIRE_TOKENS: is off, so that no token is asked for. Set it to on"]);
    const [{ mintToken }, { openSigningKey, openTokenKeys }, { openJournal }] = await Promise.all([
      import("./token-command.ts"),
      import("./adapters/token-keys.ts"),
      import("./adapters/journal-pino.ts"),
    ]);
    const key = await openSigningKey(source, limits);
    const keys = await openTokenKeys(source, { limits, clock: quietClock, journal: openJournal(config.LOG_LEVEL) });
    try {
      console.log(await mintToken({ config, key, keys, clock: systemClock }, options));
    } finally {
      keys.close();
    }
  });

const dayOf = (text: string): number => {
  const at = instantOf(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  if (typeof at === "string") throw new InvalidArgumentError(`${at}; it is written like 2026-01-31 or 2026-01-31T08:00:00Z`);
  return at;
};

withSettings(program.command("verify").description("prove that the logs and the warehouse agree, or name what differs"))
  .option("--from <day>", "from the beginning of this day (UTC) of event time, or from an instant", dayOf)
  .option("--to <day>", "up to its beginning", dayOf)
  .option("--tenant <id>", "of this tenant only; a server knows it by the token")
  .option("--derive", "step the facts again as well, and compare with what was derived")
  .option("--days", "show every camera's days, with counts and hashes")
  .option("--json", "as one JSON value")
  .option("--server <url>", "ask a running server, which has the data")
  .option("--token <token>", "for that server, with the scope ops")
  .action(async (options: Record<string, string> & VerifyOptions) => {
    const { from: _from, to: _to, derive: _derive, days: _days, json: _json, ...settings } = options;
    const config = configFrom(settings);
    const stopping = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());
    const print = (line: string): void => console.log(line);
    const complain = (line: string): void => console.error(line);
    const { verifyCommand } = await import("./verify-command.ts");
    const open = async () => (await import("./open-data.ts")).openData(config);
    const parts = { open, clock: systemClock, stop: stopping.signal, print, complain };
    process.exitCode = await verifyCommand(parts, options);
  });

addJobCommands(program, { clock: systemClock, withSettings, configFrom });

program.parseAsync().catch((error: unknown) => {
  const isOurs = [ConfigError, ImportError, AdapterError, ReplayError].some((kind) => error instanceof kind);
  if (!isOurs) throw error;
  console.error((error as Error).message);
  process.exitCode = error instanceof ConfigError ? 78 : 1;
});
