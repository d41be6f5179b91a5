/** A job as emdx shows it: its wish can be posted again. */
import type { z } from "@hono/zod-openapi";
import type { Rule } from "../../domain/camera.ts";
import { type Candidate, eachSaid } from "../../domain/candidate.ts";
import type { Job, JobWish } from "../../domain/job.ts";
import { formatInstant } from "../instant.ts";
import { ruleBody, tripwireBody } from "./config-present.ts";
import type * as schemas from "./jobs-schemas.ts";

type Body = z.infer<typeof schemas.job>;

const instantOf = <N extends string>(name: N, at: number | undefined) => (at === undefined ? {} : { [name]: formatInstant(at) });

/** `whole`: with candidates and labels. */
export const jobBody = ({ id, wish, state, by, at, startedAt, endedAt, progress, result, reason }: Job, whole: boolean): Body => ({
  id,
  kind: wish.kind,
  state,
  ...(by === undefined ? {} : { by }),
  createdAt: formatInstant(at),
  ...instantOf("startedAt", startedAt),
  ...instantOf("endedAt", endedAt),
  ...(progress === undefined ? {} : { progress: { ...progress } }),
  wish: wishBody(wish, whole),
  ...(result === undefined ? {} : { result }),
  ...(reason === undefined ? {} : { reason }),
});

const range = ({ from, to }: { readonly from: number | undefined; readonly to: number | undefined }) => ({
  ...instantOf("fromTimestamp", from),
  ...instantOf("toTimestamp", to),
});

const wishBody = (wish: JobWish, whole: boolean): Body["wish"] => {
  switch (wish.kind) {
    case "backtest":
      return {
        ...sensorsBody(wish.cameras, whole),
        ...range(wish),
        late: wish.late,
        tolerance: wish.tolerance / 1000,
        ...labelsBody(wish, whole),
      };
    case "recompute":
      return { sensorId: wish.camera, ...range(wish), definitions: wish.definitions };
    case "rebuild":
      return { projection: wish.projection, step: wish.step };
    case "archive":
      return { before: formatInstant(wish.before) };
    case "verify":
      return { ...range(wish), derive: wish.derive };
  }
};

type Backtest = Extract<JobWish, { readonly kind: "backtest" }>;

const sensorsBody = (cameras: Backtest["cameras"], whole: boolean): object =>
  whole && cameras.some(({ candidate }) => candidate !== undefined)
    ? { sensors: eachSaid(cameras).map(({ camera, candidate }) => ({ sensorId: camera, ...(candidate && candidateBody(candidate)) })) }
    : { sensorIds: cameras.map(({ camera }) => camera) };

const candidateBody = ({ tripwires, rois, rules, settings }: Candidate) => {
  const of = (analytic: Rule["analytic"]) => rules.filter((rule) => rule.analytic === analytic).map(ruleBody);
  return {
    tripwires: tripwires.map(tripwireBody),
    rois,
    rules: { fov: of("fov"), tripwire: of("tripwire"), roi: of("roi") },
    ...(settings && { settings }),
  };
};

const labelsBody = ({ labels }: Backtest, whole: boolean): object =>
  whole
    ? {
        labels: labels.map(({ camera, tripwireId, at, direction }) => ({
          sensorId: camera,
          tripwireId,
          timestamp: formatInstant(at),
          direction,
        })),
      }
    : {};
