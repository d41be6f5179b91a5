/** The shapes of wishes and of jobs. What a candidate may have is what /config/... takes. */
import { z } from "@hono/zod-openapi";
import { limits } from "../../domain/limits.ts";
import { projections } from "../../projections/index.ts";
import { id as textId } from "../text.ts";
import * as config from "./config-schemas.ts";
import * as schemas from "./schemas.ts";

const instantText = z.string().openapi({ format: "date-time", description: "RFC 3339 with a zone." });
const range = { fromTimestamp: instantText, toTimestamp: instantText };
const sensorId = textId;

/** `rule`: as it is checked first, or as the document shows it. */
const sensorWith = <R extends z.ZodType>(rule: R) => {
  const rules = z.array(rule).max(limits.rulesPerCamera);
  return z.strictObject({
    sensorId,
    tripwires: z.array(config.tripwire).max(limits.placesPerCamera).optional(),
    rois: z.array(config.roi).max(limits.placesPerCamera).optional(),
    rules: z.strictObject({ fov: rules.optional(), tripwire: rules.optional(), roi: rules.optional() }).optional(),
    settings: config.settings.optional().openapi({ description: "Those in force when left out." }),
  });
};
export const candidate = sensorWith(config.placed);

const label = z.strictObject({
  sensorId: sensorId.optional().openapi({ description: "May be left out where there is one sensor." }),
  tripwireId: textId,
  timestamp: instantText,
  direction: z.enum(["entry", "exit"]),
});

/** Seconds, unless asked otherwise: a person who notes what is seen is about so exact. */
const TOLERANCE = 2;

const backtestWith = <S extends z.ZodType>(sensor: S) =>
  z.strictObject({
    sensors: z
      .array(sensor)
      .min(1)
      .max(limits.backtestSensors)
      .optional()
      .openapi({ description: "Each with all it would have had: what is left out would not have been there." }),
    sensorIds: z
      .array(sensorId)
      .min(1)
      .max(limits.backtestSensors)
      .optional()
      .openapi({ description: "In the place of `sensors`: with the definitions that were in force." }),
    ...range,
    late: z.boolean().default(false).openapi({ description: "Whether frames that came late are taken in at their place." }),
    labels: z.array(label).max(limits.backtestLabels).default([]),
    tolerance: z
      .number()
      .min(0)
      .max(limits.labelSeconds)
      .default(TOLERANCE)
      .openapi({ description: "Seconds by which a label and a crossing may be apart." }),
  });
export const backtest = backtestWith(candidate);
/** For the document only. */
export const backtestDocument = backtestWith(sensorWith(config.placedRule)).openapi("BacktestWish");

export const recompute = z
  .strictObject({
    sensorId,
    ...range,
    definitions: z.enum(["then", "now"]).default("then").openapi({
      description: "`then`: those that were in force, with the frames that came late. `now`: those in force now, in their place.",
    }),
  })
  .openapi("RecomputeWish");

export const rebuild = z
  .strictObject({
    projection: z.enum(projections.map(({ name }) => name)),
    step: z
      .enum(["rebuild", "drop-old"])
      .default("rebuild")
      .openapi({ description: "`drop-old`: drops the table that was kept when the new one took its place." }),
  })
  .openapi("RebuildWish");

export const archive = z
  .strictObject({ before: instantText.openapi({ description: "What arrived on days (UTC) that ended before." }) })
  .openapi("ArchiveWish");

export const verification = z
  .strictObject({
    fromTimestamp: instantText.optional(),
    toTimestamp: instantText.optional(),
    derive: z.boolean().default(false).openapi({ description: "Whether facts are stepped again and compared with what was derived." }),
  })
  .openapi("VerificationWish");

const optionalInstant = schemas.instant.optional();
const state = z.enum(["queued", "running", "done", "failed", "cancelled"]);
const kinds = ["backtest", "recompute", "rebuild", "archive", "verify"] as const;
/** `wish`: what was asked for, as it can be asked for again; in lists without the candidates and labels. */
export const job = z
  .strictObject({
    id: z.uuid(),
    kind: z.enum(kinds),
    state,
    by: z.string().optional().openapi({ description: "The subject of the token it was asked for with." }),
    createdAt: schemas.instant,
    startedAt: optionalInstant,
    endedAt: optionalInstant,
    progress: z.strictObject({ done: z.number().min(0), of: z.number().min(0) }).optional(),
    wish: z.record(z.string(), z.unknown()).openapi({ description: "What was asked for; in lists without candidates and labels." }),
    result: z.unknown().optional().openapi({ description: "What came of it, in short." }),
    reason: z.string().optional().openapi({ description: "Why it failed." }),
  })
  .openapi("Job");
export const jobs = z.strictObject({ jobs: z.array(job) }).openapi("Jobs");

export const jobMessage = z.strictObject({ job });
export const jobMessageV1 = z.union([jobMessage, z.strictObject({ heartbeat: schemas.instant })]);

const side = z.enum(["then", "now", "both"]);
export const backtestAlerts = z
  .strictObject({
    state,
    alerts: z.array(
      z.strictObject({
        side: side.openapi({
          description: "`then`: only raised; `now`: only by the candidate; `both`: as it was raised, and as it would be.",
        }),
        changed: z.boolean().openapi({ description: "Of `both`: whether the two tell anything else, ids and versions aside." }),
        thenAlert: schemas.alert.optional(),
        nowAlert: schemas.alert.optional(),
      }),
    ),
  })
  .openapi("BacktestAlerts");

const count = z.int().min(0);
const share = z.number().min(0).max(1).optional();
const compared = { thenCount: count, nowCount: count };
const comparison = z.strictObject(compared);
const sensor = { sensorId: z.string() };
const direction = z.enum(["entry", "exit"]);
export const backtestCounts = z
  .strictObject({
    state,
    rules: z.array(
      z.strictObject({
        ...sensor,
        type: z.enum(["fov", "tripwire", "roi"]),
        placeId: z.string(),
        rule_id: z.string(),
        rule_type: schemas.alert.shape.rule_type,
        onlyThen: count,
        onlyNow: count,
        both: count,
        changed: count,
      }),
    ),
    tripwires: z
      .array(z.strictObject({ ...sensor, tripwireId: z.string(), direction, ...compared }))
      .openapi({ description: "Every crossing, all types together." }),
    crossings: z
      .array(
        z.strictObject({
          ...sensor,
          tripwireId: z.string(),
          direction: z.enum(["entry", "exit", "either"]),
          objectType: z.string(),
          raw: comparison.optional(),
          distinct: comparison,
          net: comparison.optional(),
        }),
      )
      .openapi({ description: "The same by type, in all three numbers; `either` is for distinct objects only." }),
    stays: z
      .array(z.strictObject({ ...sensor, type: z.enum(["fov", "roi"]), placeId: z.string(), ...compared }))
      .openapi({ description: "Stays that began." }),
    labels: z
      .array(
        z.strictObject({
          ...sensor,
          tripwireId: z.string(),
          direction,
          labels: count,
          crossings: count,
          found: count,
          precision: share,
          recall: share,
        }),
      )
      .openapi({ description: "Labels held against the candidate's crossings." }),
  })
  .openapi("BacktestCounts");

/** Every field of any wish, so that snake_case can be told from an unknown name. */
export const knownFields: ReadonlySet<string> = new Set([
  ...config.knownFields,
  ...[backtest, candidate, label, recompute, rebuild, archive, verification].flatMap((schema) => Object.keys(schema.shape)),
]);
