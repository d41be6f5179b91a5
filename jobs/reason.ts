/** Why a job failed, for whoever wanted it: nothing of the inside. What is to be known there stands in the journal. */
import { JobFailure } from "../domain/job.ts";
import { AdapterError, type AdapterErrorCode } from "../domain/ports.ts";

const WORDS: Readonly<Record<AdapterErrorCode, string>> = {
  fenced: "another process took over what it worked at",
  "wrong-revision": "what it worked at was changed by others all the time",
  corrupt: "something that it needs is damaged",
  full: "there is no room for what it writes",
  "in-use": "something that it needs is in use",
  unavailable: "something that it needs cannot be reached",
  timeout: "something that it needs did not answer in time",
  "bad-query": "it asked for what cannot be asked",
  "too-large": "it has become too large",
  closed: "something that it needs was closed",
};

/** Undefined for a defect. */
export const reasonOf = (error: unknown): string | undefined => {
  if (error instanceof JobFailure) return error.message;
  return error instanceof AdapterError ? WORDS[error.code] : undefined;
};

export const DEFECT = "it met a defect of this program";
