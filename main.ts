#!/usr/bin/env node
/** The composition root's command line. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Command, Option } from "commander";
import { openJournal } from "./adapters/journal-pino.ts";
import { createApp } from "./api/app.ts";
import { compose } from "./compose.ts";
import { type Config, ConfigError, flags, readConfig, showConfig } from "./config.ts";
import { importFile } from "./ingest/file.ts";

/** Milliseconds that open requests and sockets are given on SIGTERM. */
const DRAIN_MS = 5000;

const configFrom = (options: Readonly<Record<string, string>>): Config => {
  const given = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), value]),
  );
  return readConfig(process.env, given);
};

const serve = async (config: Config): Promise<void> => {
  const journal = openJournal(config.LOG_LEVEL);
  const startedAt = performance.now();
  const house = await compose(config, { journal });
  const app = createApp(house.core, {
    tenant: config.EMDX_TENANT,
    strict: config.EMDX_STRICT,
    metricsAuth: config.METRICS_AUTH === "" ? undefined : config.METRICS_AUTH,
  });
  const server = createServer(getRequestListener(app.fetch));
  app.attach(server);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(config.PORT, config.HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = config.HOST.includes(":") ? `[${config.HOST}]` : config.HOST;
  journal.info({ url: `http://${host}:${port}`, data: config.DATA, ms: Math.round(performance.now() - startedAt) }, "listening");

  let ending: Promise<void> | undefined;
  const end = (why: string): Promise<void> => {
    ending ??= (async () => {
      journal.info({ why }, "stopping");
      await app.close(DRAIN_MS);
      await house.close();
      journal.info({}, "stopped");
    })();
    return ending;
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      void end(signal).then(
        () => process.exit(0),
        (error: unknown) => {
          journal.fatal({ err: error }, "not stopped cleanly");
          process.exit(1);
        },
      );
    });
  // Principle 10: what is no bad input and no camera's own trouble ends the process; the log has everything.
  await house.defect.catch((error: unknown) => {
    if (ending !== undefined) return;
    journal.fatal({ err: error }, "a defect: this process ends, its log is whole");
    process.exit(70);
  });
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

withSettings(program.command("serve", { isDefault: true }).description("serve until stopped")).action((options: Record<string, string>) =>
  serve(configFrom(options)),
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
  .addOption(
    new Option("--format <name>", "as what to read it; else found out from the file").choices([
      "mot",
      "opendatacam",
      "deepstream",
      "ndjson",
      "boxes",
    ]),
  )
  .option("--sensor <id>", "sensor of files that name none")
  .option("--fps <n>", "frames a second of files without timestamps", Number)
  .option("--start <instant>", "RFC 3339 instant of the first frame of such files")
  .option("--type <name>", "object type of files that name none")
  .option("--pace <n>", "times the recorded pace; as fast as it goes when left out", Number)
  .option("--restart", "begin anew, even if an earlier import of this file stopped half way")
  .action(importFile);

program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exitCode = 78;
});
