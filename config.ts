import { readFileSync } from "node:fs";
import { z } from "zod";
import { limits } from "./domain/limits.ts";

/** One setting: its text (from the environment, a file or a flag) to its value. `secret` ones are masked and never flags. */
type Setting = { readonly schema: z.ZodType; readonly default: string; readonly help: string; readonly secret?: true };

const integer = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(least).max(most));
const positive = z
  .string()
  .regex(/^\d{1,9}(\.\d{1,9})?$/, "must be a number above 0")
  .transform(Number)
  .pipe(z.number().positive());
const flag = z.enum(["true", "false"]).transform((text) => text === "true");
const url = (...schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}:`)),
      `must begin with ${schemes.map((s) => `${s}:`).join(" or ")}`,
    );

const settings = {
  PORT: { schema: integer(0, 65_535), default: "8080", help: "port to listen on; 0 takes a free one" },
  HOST: { schema: z.string().min(1), default: "127.0.0.1", help: "address to listen on" },
  DATA: { schema: z.string().min(1), default: "./data", help: "folder of the embedded log, store and warehouse" },
  LOG: { schema: url("file", "memory"), default: "file:", help: "the log: file: (under DATA) or memory:" },
  STORE: { schema: url("file", "memory"), default: "file:", help: "the store of decisions: file: (under DATA) or memory:" },
  WAREHOUSE: {
    schema: url("chdb", "http", "https"),
    default: "chdb:",
    secret: true,
    help: "the warehouse: chdb: (under DATA) or a ClickHouse server's URL",
  },
  PARTITIONS: { schema: integer(1, 1024), default: "4", help: "partitions of a log that is created; fixed from then on" },
  TOKENS: { schema: z.literal("off", "only off is known in this version"), default: "off", help: "authentication" },
  EMDX_TENANT: {
    schema: z.string().min(1).max(limits.idLength),
    default: "default",
    help: "the tenant the emdx surface serves while tokens are off",
  },
  EMDX_STRICT: { schema: flag, default: "false", help: "nothing found is 422, as in the original" },
  MAX_AHEAD: { schema: positive, default: String(limits.aheadMs / 1000), help: "seconds a frame may be ahead of its arrival" },
  FACTS_DAYS: { schema: positive, default: "7", help: "days facts are kept, by arrival" },
  FACTS_BYTES: { schema: integer(1, Number.MAX_SAFE_INTEGER), default: "50000000000", help: "bytes of facts kept" },
  METRICS_AUTH: {
    schema: z.string().regex(/^([^:]+:.+)?$/, "must be user:password"),
    default: "",
    secret: true,
    help: "user:password for /metrics; unset, it answers on loopback only",
  },
  INSECURE_BIND: { schema: flag, default: "false", help: "allow another address than loopback while tokens are off" },
  LOG_LEVEL: { schema: z.enum(["debug", "info", "warn", "error", "silent"]), default: "info", help: "least level of the lines written" },
  CHECKPOINT_SECONDS: { schema: positive, default: "5", help: "seconds between checkpoints of the engine's memory" },
  CHECKPOINT_FRAMES: { schema: integer(1, 100_000_000), default: "50000", help: "frames between checkpoints, should they come first" },
  SKIP_CORRUPT: {
    // As adapters/lmdb-aside.ts names them: a log's record by partition and number, memory and bases by their keys.
    schema: z.string().regex(/^([a-z]+\/[\w-]+\/[\w-]+(,[a-z]+\/[\w-]+\/[\w-]+)*)?$/, "must be names of records, separated by commas"),
    default: "",
    help: "corrupt records to leave out, as named by the error that found them",
  },
} as const satisfies Record<string, Setting>;

type Name = keyof typeof settings;
export type Config = { readonly [N in Name]: z.output<(typeof settings)[N]["schema"]> };

/** What is wrong with the settings, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
  }
}

const PREFIX = "TALLYWIRE_";
const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;
const names = Object.keys(settings) as Name[];
const isSecret = (name: Name): boolean => "secret" in settings[name];

/** Flags of the command line: `--facts-days 3` for TALLYWIRE_FACTS_DAYS. */
export const flags = names
  .filter((name) => !isSecret(name))
  .map((name) => ({
    flag: `--${name.toLowerCase().replaceAll("_", "-")} <value>`,
    name,
    help: `${settings[name].help} (${settings[name].default || "unset"})`,
  }));

const fromFile = (path: string | undefined): Record<string, unknown> => {
  if (path === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (parsed !== null && typeof parsed === "object" && !Array.isArray(parsed)) return parsed as Record<string, unknown>;
    throw new Error("not a JSON object");
  } catch (cause) {
    throw new ConfigError([`${path}: ${(cause as Error).message}`]);
  }
};

/**
 * Flags before the environment before the file before the defaults. A name nobody knows is refused: a misspelt limit must not pass for one in force.
 * Throws ConfigError with a line for each fault.
 */
export const readConfig = (env: Readonly<Record<string, string | undefined>>, given: Readonly<Record<string, string>> = {}): Config => {
  const file = fromFile(given.CONFIG ?? env[`${PREFIX}CONFIG`]);
  const faults: string[] = [];
  for (const key of [...Object.keys(file), ...Object.keys(env)])
    if (key.startsWith(PREFIX) && key !== `${PREFIX}CONFIG` && !names.includes(key.slice(PREFIX.length) as Name))
      faults.push(`${key}: no such setting in this version`);
  for (const key of Object.keys(file)) if (!key.startsWith(PREFIX)) faults.push(`${key}: settings begin with ${PREFIX}`);
  const out: Record<string, unknown> = {};
  for (const name of names) {
    const text =
      given[name] ?? env[PREFIX + name] ?? (name === "PORT" ? env.PORT : undefined) ?? file[PREFIX + name] ?? settings[name].default;
    const read = settings[name].schema.safeParse(String(text));
    if (read.success) out[name] = read.data;
    else faults.push(`${PREFIX}${name}: ${read.error.issues.map((issue) => issue.message).join("; ")}`);
  }
  const config = out as Config;
  if (faults.length === 0 && !LOOPBACK.test(config.HOST) && !config.INSECURE_BIND)
    faults.push(
      `${PREFIX}HOST: ${config.HOST} is not loopback and tokens are off: anyone could read and write. Set ${PREFIX}INSECURE_BIND=true to allow it`,
    );
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
};

/** The settings in force, secrets masked, for `tallywire config`. */
export const showConfig = (config: Config): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => [PREFIX + name, isSecret(name) && config[name] !== settings[name].default ? "***" : String(config[name])]),
  );
