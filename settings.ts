/** Every setting there is: its name, what it may be, what it is where nobody says. */
import { z } from "zod";
import { mechanisms } from "./domain/access.ts";
import { isLoopbackHost, readRange } from "./domain/address.ts";
import { limits } from "./domain/limits.ts";
import { type Role, roles } from "./domain/roles.ts";

/** Its text (from the environment, a file or a flag) to its value. `secret` ones, and URLs that may hold a password, are masked and never flags. */
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
const seconds = z
  .string()
  .regex(/^\d{1,3}(\.\d{1,3})?$/, "must be a number of seconds")
  .transform(Number);
export const DAY_MS = 24 * 60 * 60 * 1000;
const zone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}, "must be the name of a time zone, such as Europe/Berlin");
/** What addresses begin with: no path, no query, no password. */
const publicUrl = z
  .string()
  .refine(
    (text) => text === "" || (/^https?:/.test(text) && URL.parse(text)?.origin === text),
    "must be like https://example.com, and no more",
  );
const url = (...schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}:`)),
      `must begin with ${schemes.map((s) => `${s}:`).join(" or ")}`,
    );
/** As long as the hash it keys (RFC 7518, section 3.2). */
const SECRET_BYTES = 32;
/** Whoever stands between could say which keys are right: nobody may, except on this machine. */
const keysUrl = z.string().superRefine((text, context) => {
  if (text === "") return;
  const fault = (message: string): void => context.addIssue({ code: "custom", message });
  const parsed = URL.parse(text);
  if (parsed === null) return fault("must be a URL");
  if (parsed.protocol !== "https:" && !(parsed.protocol === "http:" && isLoopbackHost(parsed.hostname.replace(/^\[|\]$/g, ""))))
    fault("must begin with https: (http: on loopback only)");
  if (parsed.username !== "" || parsed.password !== "") fault("may hold no user and no password");
  if (parsed.hash !== "") fault("may have no fragment");
});
/** In their own order, each once, whatever was written. */
const someRoles = z
  .string()
  .transform((text) => text.split(",").map((role) => role.trim()))
  .refine((named) => named.every((role) => roles.includes(role as Role)), `must be of ${roles.join(", ")}, separated by commas`)
  .transform((named): readonly Role[] => roles.filter((role) => named.includes(role)));
const listed = z.string().transform((text): readonly string[] =>
  text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== ""),
);
/** As browsers write them: no path, no port that goes without saying. */
const origins = listed.superRefine((list, told) => {
  for (const text of list)
    if (text !== "*" && URL.parse(text)?.origin !== text) told.addIssue(`${text} is no origin such as https://example.com`);
});
const ranges = listed.superRefine((list, told) => {
  for (const text of list) {
    const range = readRange(text);
    if ("flaw" in range) told.addIssue(`${text} ${range.flaw}`);
  }
});
/** Of a key: what a machine made has so many, what somebody thought of seldom. */
const KEY_BYTES = 32;
const keys = listed.refine(
  (list) => list.every((key) => Buffer.byteLength(key) >= KEY_BYTES),
  `each key must be of ${KEY_BYTES} bytes or more; commas separate keys`,
);

export const settings = {
  ROLES: {
    schema: someRoles,
    default: roles.join(","),
    help: "what this process does, separated by commas; unset and the log on Kafka: all but video, which one process has",
  },
  PORT: { schema: integer(0, 65_535), default: "8080", help: "port to listen on; 0 takes a free one" },
  HOST: { schema: z.string().min(1), default: "127.0.0.1", help: "address to listen on" },
  DATA: { schema: z.string().min(1), default: "./data", help: "folder of the embedded log, store and warehouse" },
  LOG: {
    schema: url("file", "memory", "kafka"),
    default: "file:",
    secret: true,
    help: "the log: file: (under DATA), memory:, or kafka://host:port,host:port/prefix",
  },
  STORE: {
    schema: url("file", "memory", "kurrentdb", "kurrentdb+discover", "esdb", "esdb+discover"),
    default: "file:",
    secret: true,
    help: "the store of decisions: file: (under DATA), memory:, or a KurrentDB connection string",
  },
  WAREHOUSE: {
    schema: url("chdb", "http", "https"),
    default: "chdb:",
    secret: true,
    help: "the warehouse: chdb: (under DATA) or a ClickHouse server's URL",
  },
  PARTITIONS: { schema: integer(1, 1024), default: "4", help: "partitions of a log that is created; fixed from then on" },
  KAFKA_USERNAME: { schema: z.string(), default: "", help: "user of the Kafka log, where its URL names none" },
  KAFKA_PASSWORD: { schema: z.string(), default: "", secret: true, help: "that user's password" },
  KAFKA_MECHANISM: {
    schema: z.enum(["", ...mechanisms]),
    default: "",
    help: `how that user is known: ${mechanisms.join(", ")}`,
  },
  KAFKA_CA: { schema: z.string(), default: "", help: "PEM file of the authorities that sign the Kafka brokers' certificates" },
  KAFKA_CERT: { schema: z.string(), default: "", help: "PEM file of the certificate shown to the Kafka brokers" },
  KAFKA_KEY: { schema: z.string(), default: "", help: "PEM file of that certificate's key" },
  SOURCES: { schema: z.string(), default: "", help: "JSON file of topics of others, to take frames from (role ingest)" },
  TOKENS: { schema: z.enum(["off", "on"]), default: "off", help: "on: who calls shows a token; off: anyone may do everything" },
  JWT_SECRET: {
    schema: z
      .string()
      .refine((text) => text === "" || Buffer.byteLength(text) >= SECRET_BYTES, `must have ${SECRET_BYTES} bytes or more`)
      .refine((text) => text.isWellFormed(), "must be Unicode text"),
    default: "",
    secret: true,
    help: "the secret tokens are signed with (HS256), 32 bytes or more",
  },
  // Its query may hold a key.
  JWKS_URL: { schema: keysUrl, default: "", secret: true, help: "the https: address of the JWK Set whose keys sign tokens" },
  JWT_KEY: { schema: z.string(), default: "", help: "file of the keys that sign tokens: PEM, JWK or JWK Set" },
  JWT_ISSUER: { schema: z.string(), default: "", help: "what iss of a token must be" },
  JWT_AUDIENCE: { schema: z.string(), default: "", help: "what aud of a token must be, or have in it" },
  MEDIA: {
    schema: z.string(),
    default: "",
    help: "folder of recordings and of films that are being shown, of this server alone; under DATA when unset (role video)",
  },
  FFMPEG: { schema: z.string().min(1), default: "ffmpeg", help: "the program ffmpeg: its name on the PATH, or where it is" },
  FFPROBE: { schema: z.string().min(1), default: "ffprobe", help: "the program ffprobe, likewise" },
  FFMPEG_PROCESSES: {
    schema: integer(1, 10_000),
    default: String(limits.ffmpegProcesses),
    help: "ffmpeg processes at once: one a recorded camera, and one a camera and size that is watched",
  },
  LIVE_STREAMS: { schema: integer(1, 10_000), default: String(limits.liveStreams), help: "live films at once: one a camera and size" },
  LIVE_STREAMS_PER_TENANT: { schema: integer(1, 10_000), default: String(limits.liveStreamsPerTenant), help: "the same of one tenant" },
  PLAYBACKS: { schema: integer(1, 100_000), default: String(limits.playbacks), help: "playbacks at once, live and archive" },
  PLAYBACKS_PER_TENANT: { schema: integer(1, 100_000), default: String(limits.playbacksPerTenant), help: "the same of one tenant" },
  RECORD_DAYS: { schema: positive, default: String(limits.recordKeptMs / DAY_MS), help: "days recordings are kept" },
  RECORD_BYTES: {
    schema: integer(1, Number.MAX_SAFE_INTEGER),
    default: String(limits.recordBytesPerTenant),
    help: "bytes of recordings of one tenant that are kept",
  },
  RECORD_FREE_BYTES: {
    schema: integer(0, Number.MAX_SAFE_INTEGER),
    default: String(limits.recordFloorBytes),
    help: "bytes that stay free on the disk of recordings",
  },
  CLIP_BEFORE: { schema: seconds, default: "5", help: "seconds a clip begins before its alert" },
  CLIP_AFTER: {
    schema: seconds.pipe(z.number().max(limits.snapWaitMs / 1000)),
    default: "5",
    help: `seconds it ends after it, ${limits.snapWaitMs / 1000} at most: so long is waited for what is still being recorded`,
  },
  CLIP_SECONDS: {
    schema: positive.pipe(z.number().max(limits.clipMs / 1000)),
    default: "60",
    help: "the longest a clip may be, in seconds",
  },
  RTSP_CERTIFICATES: { schema: flag, default: "true", help: "whether certificates of cameras (rtsps) must be good" },
  IVMS_TENANT: {
    schema: z.string().min(1).max(limits.idLength),
    default: "default",
    help: "the tenant the ivms surface serves while tokens are off",
  },
  IVMS_ZONE: { schema: zone, default: "UTC", help: "the time zone of instants on ivms' /notification" },
  PUBLIC_URL: {
    schema: publicUrl,
    default: "",
    help: "the address clients reach this server by, for addresses in answers; else that of each request",
  },
  EMDX_TENANT: {
    schema: z.string().min(1).max(limits.idLength),
    default: "default",
    help: "the tenant the emdx surface serves while tokens are off",
  },
  EMDX_STRICT: { schema: flag, default: "false", help: "nothing found is 422, as in the original" },
  SENSORS_PER_TENANT: {
    schema: integer(1, 10_000_000),
    default: String(limits.sensorsPerTenant),
    help: "sensors of a tenant that a process takes frames of; the engine remembers about 4 kB of each",
  },
  MAX_AHEAD: { schema: positive, default: String(limits.aheadMs / 1000), help: "seconds a frame may be ahead of its arrival" },
  FACTS_DAYS: { schema: positive, default: "7", help: "days facts are kept, by arrival" },
  ARCHIVE: {
    schema: z.string(),
    default: "",
    help: "folder that facts are kept in for good, by camera and day; the log then drops none that is not there; unset, there is none",
  },
  FACTS_BYTES: { schema: integer(1, Number.MAX_SAFE_INTEGER), default: "50000000000", help: "bytes of facts kept" },
  RTSP_ALLOW: {
    schema: ranges,
    default: "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7",
    help: "ranges of addresses cameras may have, separated by commas",
  },
  SECRET_KEY: {
    schema: keys,
    default: "",
    secret: true,
    help: "keys that seal what is kept secret, separated by commas: the first seals, all open",
  },
  REQUESTS_PER_MINUTE: {
    schema: integer(0, 1_000_000_000),
    default: "6000",
    help: "requests and upgrades of one subject a minute, while tokens are on; 0: any number",
  },
  FRAMES_REQUESTS_PER_MINUTE: {
    schema: integer(0, 1_000_000_000),
    default: "600000",
    help: "the same for what needs frames:write",
  },
  CORS_ORIGINS: {
    schema: origins,
    default: "",
    help: "origins whose pages may read answers and open sockets, separated by commas; *: all",
  },
  METRICS_AUTH: {
    schema: z.string().regex(/^([^:]+:.+)?$/, "must be user:password"),
    default: "",
    secret: true,
    help: "user:password for /metrics; unset, it answers on loopback only",
  },
  INSECURE_BIND: { schema: flag, default: "false", help: "allow another address than loopback while tokens are off" },
  LOG_LEVEL: { schema: z.enum(["debug", "info", "warn", "error", "silent"]), default: "info", help: "least level of the lines written" },
  JOBS_AT_ONCE: { schema: integer(1, 64), default: "1", help: "jobs this process runs at once (role jobs)" },
  JOBS_SHARE: {
    schema: positive.pipe(z.number().max(1)),
    default: "0.2",
    help: "how much of its time a process gives to what is not live, all jobs and replays together",
  },
  CHECKPOINT_SECONDS: { schema: positive, default: "5", help: "seconds between checkpoints of the engine's memory" },
  CHECKPOINT_FRAMES: { schema: integer(1, 100_000_000), default: "50000", help: "frames between checkpoints, should they come first" },
  SKIP_CORRUPT: {
    // As the log names them: adapters/lmdb/aside.ts, adapters/log-kafka/damage.ts.
    schema: z.string().regex(/^([a-z]+\/[\w-]+\/[\w-]+(,[a-z]+\/[\w-]+\/[\w-]+)*)?$/, "must be names of records, separated by commas"),
    default: "",
    help: "corrupt records to leave out, as named by the error that found them",
  },
} as const satisfies Record<string, Setting>;

export type Name = keyof typeof settings;
export type Config = { readonly [N in Name]: z.output<(typeof settings)[N]["schema"]> };
