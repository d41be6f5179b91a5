/** From what was sent to what a job is to do. */
import type { z } from "@hono/zod-openapi";
import type { Camera, Rule } from "../../domain/camera.ts";
import { type Candidate, candidateFault, saidOnce } from "../../domain/candidate.ts";
import type { Refusal } from "../../domain/decider.ts";
import { type Instant, milliseconds } from "../../domain/envelope.ts";
import type { ArchiveWish, BacktestWish, JobWish, Label, RebuildWish, RecomputeWish, VerifyWish } from "../../domain/job.ts";
import { limits } from "../../domain/limits.ts";
import { checked } from "../json-body.ts";
import { type Path, pathText } from "../naming.ts";
import { readInstant } from "../parameters.ts";
import { refusalProblem, unprocessable } from "../problem.ts";
import * as config from "./config-read.ts";
import * as wire from "./jobs-schemas.ts";

/** What a camera is now: a candidate is held against it. */
export type CameraOf = (camera: string) => Promise<Camera>;
/** Throws Problem. */
export type ReadWish = (body: unknown, cameraOf: CameraOf) => Promise<JobWish>;

const instantAt = (text: string, path: string): Instant => {
  const at = readInstant(text);
  if (at === undefined) throw unprocessable(path, "is not an RFC 3339 timestamp with a zone, such as 2021-09-16T06:06:00.000Z");
  return at;
};

const rangeOf = ({ fromTimestamp, toTimestamp }: { readonly fromTimestamp: string; readonly toTimestamp: string }) => {
  const from = instantAt(fromTimestamp, "fromTimestamp");
  const to = instantAt(toTimestamp, "toTimestamp");
  if (from >= to) throw unprocessable("fromTimestamp", "is not before toTimestamp");
  if (to - from > limits.jobRangeMs)
    throw unprocessable("toTimestamp", `is more than ${limits.jobRangeMs / 86_400_000} days after fromTimestamp`);
  return { from, to };
};

const once = (names: readonly string[], at: (index: number) => Path): void => {
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (seen.has(name)) throw unprocessable(pathText(at(index)), "is given twice");
    seen.add(name);
  }
};

export const readBacktest = async (body: unknown, cameraOf: CameraOf): Promise<BacktestWish> => {
  const sent = checked(wire.backtest, body);
  const { from, to } = rangeOf(sent);
  const cameras = await camerasOf(sent, cameraOf);
  const named = cameras.map(({ camera }) => camera);
  return {
    kind: "backtest",
    cameras,
    from,
    to,
    late: sent.late,
    labels: sent.labels.map((one, index) => labelOf(one, ["labels", index], named)),
    tolerance: milliseconds(sent.tolerance),
  };
};

type Sent = z.output<typeof wire.backtest>;

const camerasOf = async ({ sensors, sensorIds }: Sent, cameraOf: CameraOf): Promise<BacktestWish["cameras"]> => {
  if ((sensors === undefined) === (sensorIds === undefined)) throw unprocessable("sensors", "or sensorIds is required, and not both");
  if (sensorIds !== undefined) {
    once(sensorIds, (index) => ["sensorIds", index]);
    return sensorIds.map((camera) => ({ camera, candidate: undefined }));
  }
  const each = sensors ?? [];
  once(
    each.map(({ sensorId }) => sensorId),
    (index) => ["sensors", index, "sensorId"],
  );
  const read = each.map((one, index) => ({ camera: one.sensorId, ...candidateOf(one, ["sensors", index]) }));
  for (const [index, { camera, candidate, pathOf }] of read.entries()) {
    const fault = candidateFault(candidate, await cameraOf(camera));
    if (fault !== undefined) throw refusalProblem(placed(fault, ["sensors", index], pathOf));
  }
  return saidOnce(read);
};

/** `pathOf`: where the rule was sent that stands there in the candidate. */
const candidateOf = (
  { sensorId, tripwires = [], rois = [], rules = {}, settings }: z.output<typeof wire.candidate>,
  at: Path,
): { readonly candidate: Candidate; readonly pathOf: (rule: number) => Path } => {
  const all: { readonly rule: Rule; readonly at: Path }[] = (["fov", "tripwire", "roi"] as const).flatMap((analytic) => {
    const list = [...at, "rules", analytic];
    return config
      .readRules(rules[analytic] ?? [], analytic, sensorId, list)
      .map((rule, index) => ({ rule, at: ["rules", analytic, index] }));
  });
  return {
    candidate: {
      tripwires: config.readTripwires(tripwires, [...at, "tripwires"]),
      rois: config.readRois(rois, [...at, "rois"]),
      rules: all.map(({ rule }) => rule),
      settings: settings && config.readSettings(settings),
    },
    pathOf: (index) => all[index]?.at ?? ["rules", index],
  };
};

/** A refusal names places of one camera's candidate, all its rules in one list. */
const placed = (refusal: Refusal, at: Path, pathOf: (rule: number) => Path): Refusal => {
  const path = refusal.path.replace(/^rules\[(\d+)\]/, (_, index: string) => pathText(pathOf(Number(index))));
  const separator = path === "" || path.startsWith("[") ? "" : ".";
  return { ...refusal, path: `${pathText(at)}${separator}${path}` };
};

const labelOf = (sent: Sent["labels"][number], at: Path, cameras: readonly string[]): Label => {
  const camera = sent.sensorId ?? (cameras.length === 1 ? cameras[0] : undefined);
  const path = (field: string): string => pathText([...at, field]);
  if (camera === undefined) throw unprocessable(path("sensorId"), "is required where there are several sensors");
  if (!cameras.includes(camera)) throw unprocessable(path("sensorId"), "is none of the sensors");
  return { camera, tripwireId: sent.tripwireId, at: instantAt(sent.timestamp, path("timestamp")), direction: sent.direction };
};

export const readRecompute = async (body: unknown): Promise<RecomputeWish> => {
  const sent = checked(wire.recompute, body);
  return { kind: "recompute", camera: sent.sensorId, ...rangeOf(sent), definitions: sent.definitions };
};

export const readRebuild = async (body: unknown): Promise<RebuildWish> => ({ kind: "rebuild", ...checked(wire.rebuild, body) });

export const readArchive = async (body: unknown): Promise<ArchiveWish> => ({
  kind: "archive",
  before: instantAt(checked(wire.archive, body).before, "before"),
});

export const readVerification = async (body: unknown): Promise<VerifyWish> => {
  const { fromTimestamp, toTimestamp, derive } = checked(wire.verification, body);
  const from = fromTimestamp === undefined ? undefined : instantAt(fromTimestamp, "fromTimestamp");
  const to = toTimestamp === undefined ? undefined : instantAt(toTimestamp, "toTimestamp");
  if (from !== undefined && to !== undefined && from >= to) throw unprocessable("fromTimestamp", "is not before toTimestamp");
  return { kind: "verify", from, to, derive };
};
