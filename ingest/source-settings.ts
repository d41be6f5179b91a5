/** The file that names topics of others: which records they hold, and whose frames those are. */
import { z } from "zod";
import { halfSaid, mechanisms } from "../domain/access.ts";
import { limits } from "../domain/limits.ts";

const text = z.string().min(1);
const name = text
  .max(limits.idLength)
  .refine((id) => !id.includes("\0") && id.isWellFormed(), "must hold neither NUL nor half a surrogate pair");

/** By what name a record's sensor is known here: `names` translates, and says what becomes of a name that is not in it. */
const naming = {
  names: z.record(z.string(), name).default({}),
  unknown: z.enum(["keep", "refuse"]).default("keep"),
};
const sensor = z.discriminatedUnion("from", [
  z.strictObject({ from: z.literal("field"), field: text.default("sensorId"), ...naming }),
  z.strictObject({ from: z.literal("key"), ...naming }),
  z.strictObject({ from: z.literal("fixed"), id: name }),
]);

/** Records under this key tell of a camera; `camera` is the field its id is read from. */
const events = z.union([
  z.literal(false),
  z.strictObject({ key: text.default("vst.event"), camera: z.enum(["camera_id", "camera_name"]).default("camera_id") }),
]);

/** As the settings of the log's own connection are called. Files are PEM. */
const access = z.strictObject({
  username: z.string().default(""),
  password: z.string().default(""),
  mechanism: z.enum(["", ...mechanisms]).default(""),
  ca: z.string().default(""),
  cert: z.string().default(""),
  key: z.string().default(""),
});

/** What Kafka allows in the name of a topic. */
const topic = z.string().regex(/^(?!\.{1,2}$)[\w.-]{1,249}$/, "must be 1 to 249 letters, digits, dots, underscores and hyphens");

const source = z
  .strictObject({
    url: z
      .string()
      .regex(/^kafka:\/\/./, "must begin with kafka://")
      .optional(),
    access: access.optional(),
    topic,
    group: text.max(249).optional(),
    from: z.enum(["earliest", "latest"]).default("earliest"),
    deadLetter: topic.optional(),
    tenant: name.default("default"),
    format: z.enum(["auto", "json", "ndjson", "protobuf", "protobuf-delimited", "events"]).default("auto"),
    sensor: sensor.default({ from: "field", field: "sensorId", names: {}, unknown: "keep" }),
    events: events.default({ key: "vst.event", camera: "camera_id" }),
  })
  .transform((read) => ({ ...read, group: read.group ?? `tallywire.${read.topic}` }));

const file = z.strictObject({ sources: z.array(source).min(1) }).check(({ value, issues }) => {
  const groups = new Set<string>();
  for (const [index, { url, group, topic: own, deadLetter, access: given }] of value.sources.entries()) {
    const fault = (field: string, message: string): void =>
      void issues.push({ code: "custom", path: ["sources", index, field], message, input: value });
    const key = JSON.stringify([url ?? "", group]);
    // One group reads one set of topics: members that differ are given partitions nobody then reads.
    if (groups.has(key)) fault("group", `another source has the group ${group} too; each needs its own`);
    groups.add(key);
    if (deadLetter === own) fault("deadLetter", "is the topic itself: what cannot be read would come again without end");
    // The log's credentials are not shown to another server, nor another's to the log's.
    if (url === undefined && given !== undefined) fault("access", "goes with a url; without one the log's own connection is used");
    for (const [one, other] of given === undefined ? [] : halfSaid(given)) fault(`access.${one}`, `goes together with ${other}`);
  }
});

export type SourceSettings = z.output<typeof source>;
/** How the records of a topic are to be read. */
export type Reading = Pick<SourceSettings, "topic" | "tenant" | "format" | "sensor" | "events">;
export type Naming = SourceSettings["sensor"];

/** What is wrong with the file, one line each. */
export class SourcesError extends Error {
  override readonly name = "SourcesError";
}

const parsedFrom = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new SourcesError(`is no JSON (${(cause as Error).message})`, { cause });
  }
};

/** The sources a file names. Throws SourcesError with a line for each fault. */
export const readSources = (json: string): readonly SourceSettings[] => {
  const read = file.safeParse(parsedFrom(json));
  if (read.success) return read.data.sources;
  throw new SourcesError(read.error.issues.map(({ path, message }) => `${path.join(".") || "the file"}: ${message}`).join("\n"));
};

/** What is shown to the Kafka of a topic, as under `access` of a source. Throws SourcesError with a line for each fault. */
export const readAccess = (json: string): z.output<typeof access> => {
  const read = access.safeParse(parsedFrom(json));
  if (!read.success)
    throw new SourcesError(read.error.issues.map(({ path, message }) => `${path.join(".") || "the file"}: ${message}`).join("\n"));
  const [half] = halfSaid(read.data);
  if (half !== undefined) throw new SourcesError(`${half[0]}: goes together with ${half[1]}`);
  return read.data;
};
