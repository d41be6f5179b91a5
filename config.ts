/** From the environment, a file and the command line to one frozen Config; the only reader of the environment. */
import { readFileSync } from "node:fs";
import { type Access, halfSaid } from "./domain/access.ts";
import { isLoopbackHost } from "./domain/address.ts";
import { type Role, roles } from "./domain/roles.ts";
import type { KeySource } from "./domain/token-keys.ts";
import { type Config, type Name, settings } from "./settings.ts";

export type { Config } from "./settings.ts";

/** What is wrong with the settings, one line each. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(lines: readonly string[]) {
    super(lines.join("\n"));
  }
}

const PREFIX = "TALLYWIRE_";
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
    // What JSON.parse says of a text it quotes from it, and secrets stand there.
    const why = cause instanceof SyntaxError ? "is no JSON" : (cause as Error).message;
    throw new ConfigError([`${path}: ${why}`]);
  }
};

/** Which part of the outside each role works with. */
const usersOf = {
  LOG: roles,
  STORE: ["ingest", "api", "jobs", "video"],
  WAREHOUSE: ["projector", "api", "jobs", "video"],
} as const satisfies Record<string, readonly Role[]>;

const EMBEDDED = /^(file|memory|chdb):/;
/** An embedded part is opened by one process, so every role that works with it must be there. */
const undivided = (config: Config): readonly string[] =>
  (["LOG", "STORE", "WAREHOUSE"] as const).flatMap((part) => {
    const users: readonly Role[] = usersOf[part];
    // Nothing that is kept needs the video side, and a job that is asked for waits until somebody runs it.
    const missing = users.filter((role) => role !== "video" && role !== "jobs" && !config.ROLES.includes(role));
    const scheme = EMBEDDED.exec(config[part])?.[0];
    if (scheme === undefined || missing.length === 0 || !users.some((role) => config.ROLES.includes(role))) return [];
    return [
      `${PREFIX}${part}: ${scheme} is a part of one process, and the roles ${missing.join(", ")}, which need it too, are not in this one. ` +
        `Give this process every role, or name a server`,
    ];
  });

/** Whether this process works with a part of the outside: others it does not open. */
export const needs = (config: Config, part: keyof typeof usersOf): boolean =>
  (usersOf[part] as readonly Role[]).some((role) => config.ROLES.includes(role));

/** Whether other processes may work at the same log. */
export const isShared = (config: Config): boolean => !EMBEDDED.test(config.LOG);

/** What is shown to the Kafka of the log. */
export const accessOf = (config: Config): Access => ({
  username: config.KAFKA_USERNAME,
  password: config.KAFKA_PASSWORD,
  mechanism: config.KAFKA_MECHANISM,
  ca: config.KAFKA_CA,
  cert: config.KAFKA_CERT,
  key: config.KAFKA_KEY,
});

const keySettings = ["JWT_SECRET", "JWKS_URL", "JWT_KEY"] as const satisfies readonly Name[];
const tokenSettings = [...keySettings, "JWT_ISSUER", "JWT_AUDIENCE"] as const satisfies readonly Name[];
const list = (some: readonly Name[], word: string): string => some.map((name) => PREFIX + name).join(` ${word} `);

/** Tokens half set up must not pass for tokens on, nor keys nobody uses for tokens that protect. */
const tokenFaults = (config: Config): readonly string[] => {
  const given = tokenSettings.filter((name) => config[name] !== "");
  if (config.TOKENS === "off") return given.map((name) => `${PREFIX}${name}: is given, but tokens are off. Set ${PREFIX}TOKENS=on`);
  const keys = keySettings.filter((name) => given.includes(name));
  const faults: string[] = [];
  if (keys.length === 0) faults.push(`${PREFIX}TOKENS: on needs keys. Set one of ${list(keySettings, "or")}`);
  if (keys.length > 1) faults.push(`${list(keys, "and")}: only one of these can be given`);
  for (const name of ["JWT_ISSUER", "JWT_AUDIENCE"] as const)
    if (config[name] === "") faults.push(`${PREFIX}${name}: is needed while tokens are on`);
  return faults;
};

/** Where the keys of tokens come from. Undefined while tokens are off. */
export const keySourceOf = (config: Config): KeySource | undefined => {
  if (config.TOKENS === "off") return undefined;
  if (config.JWT_SECRET !== "") return { secret: config.JWT_SECRET };
  return config.JWT_KEY === "" ? { url: config.JWKS_URL } : { file: config.JWT_KEY };
};

/** Where a server listens whose URL names no port. */
const USUAL_PORTS: Readonly<Record<string, number>> = {
  kafka: 9092,
  kurrentdb: 2113,
  "kurrentdb+discover": 2113,
  esdb: 2113,
  "esdb+discover": 2113,
  http: 80,
  https: 443,
};

/** Ports of this server and of its parts, as the settings name them: no camera is there. A password before an @ is no port. */
export const portsOf = (config: Config): readonly number[] => {
  const named = [config.LOG, config.STORE, config.WAREHOUSE].flatMap((url) => {
    const [, scheme = "", hosts] = /^([a-z+]+):\/\/(?:[^/?]*@)?([^/?]*)/.exec(url) ?? [];
    return (hosts?.split(",") ?? []).map((host) => Number(/:(\d+)$/.exec(host)?.[1] ?? USUAL_PORTS[scheme]));
  });
  return [config.PORT, ...named].filter((port) => port > 0);
};

/** Whoever reaches this process is to be on this machine: no page from elsewhere may pass for that. */
export const isLoopbackOnly = (config: Config): boolean => config.TOKENS === "off" && isLoopbackHost(config.HOST) && !config.INSECURE_BIND;

const contradictions = (config: Config): readonly string[] => {
  const faults = [...undivided(config), ...tokenFaults(config)];
  if (config.TOKENS === "off" && !isLoopbackHost(config.HOST) && !config.INSECURE_BIND)
    faults.push(
      `${PREFIX}HOST: ${config.HOST} is not loopback and tokens are off: anyone could read and write. Set ${PREFIX}INSECURE_BIND=true to allow it`,
    );
  if (config.TOKENS === "off" && config.CORS_ORIGINS.includes("*"))
    faults.push(`${PREFIX}CORS_ORIGINS: while tokens are off, any page could do everything. Name the origins`);
  for (const [one, other] of halfSaid(accessOf(config)))
    faults.push(`${PREFIX}KAFKA_${one.toUpperCase()}: goes together with ${PREFIX}KAFKA_${other.toUpperCase()}`);
  return faults;
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
  const isSaid = given.ROLES ?? env[`${PREFIX}ROLES`] ?? file[`${PREFIX}ROLES`];
  // Two with the role video would end each other's playbacks and record each camera twice.
  if (isSaid === undefined && faults.length === 0 && isShared(out as Config)) out.ROLES = roles.filter((role) => role !== "video");
  const config = out as Config;
  if (faults.length === 0) faults.push(...contradictions(config));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
};

/** The settings in force, secrets masked, for `tallywire config`. */
export const showConfig = (config: Config): Record<string, string> =>
  Object.fromEntries(
    names.map((name) => [PREFIX + name, isSecret(name) && String(config[name]) !== settings[name].default ? "***" : String(config[name])]),
  );
