/** Why there is no film, as this surface says it. */
import type { Refusal } from "../../domain/decider.ts";
import type { MediaFailure, NotRecorded } from "../../domain/media.ts";
import type { NoPlayback } from "../../domain/video.ts";
import { Problem, refusalProblem, tooMany } from "../problem.ts";
import { cannotConnect, Fault, NOT_RECORDED, noChannel } from "./answer.ts";

export const failureProblem = ({ reason, message, codec }: MediaFailure): Problem => {
  switch (reason) {
    case "codec":
      return new Problem(422, `The source is ${codec ?? "of a codec that is not known"}, and only H.264 is played. ${message}`);
    case "full":
      return tooMany(message);
    case "unauthorized":
    case "unreachable":
    case "not-allowed":
    case "certificate":
    case "timeout":
    case "too-long":
    case "not-found":
    case "redirected":
    case "busy":
    case "no-video":
    case "garbage":
    case "ended":
    case "missing":
    case "too-large":
    case "storage":
    case "memory":
    case "unknown":
      return cannotConnect(`${reason}: ${message}`);
  }
};

const missing = {
  nothing: "Nothing was recorded of the camera around that time.",
  gap: "That instant lies in a gap of the camera's recording.",
} as const satisfies Record<NotRecorded["notRecorded"], string>;
export const notRecordedFault = ({ notRecorded }: NotRecorded): Fault => new Fault(NOT_RECORDED, missing[notRecorded]);

const refusedProblem = (refusal: Refusal): Problem => {
  switch (refusal.refused) {
    case "too-many":
      return tooMany(refusal.detail);
    case "unknown-camera":
      return noChannel();
    case "invalid":
    case "unknown-place":
    case "unknown-rule":
    case "conflict":
      return refusalProblem(refusal);
  }
};

export const noPlaybackProblem = (told: NoPlayback): Problem => {
  if ("refused" in told) return refusedProblem(told);
  return "notRecorded" in told ? notRecordedFault(told) : failureProblem(told.failure);
};
