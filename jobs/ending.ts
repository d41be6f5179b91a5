/** How a run ended. */
import type { Json } from "../domain/envelope.ts";
import type { Run } from "../domain/job.ts";
import { bytesOf } from "../domain/job-decider.ts";
import type { Limits } from "../domain/limits.ts";
import { AdapterError, type Journal } from "../domain/ports.ts";
import { DEFECT, reasonOf } from "./reason.ts";

export type Ending =
  | { readonly how: "done"; readonly result: Json }
  | { readonly how: "failed"; readonly reason: string }
  /** It was to end: cancelled, replaced, or for another to go on. */
  | { readonly how: "cut" }
  /** What it met may pass. */
  | { readonly how: "again"; readonly reason: string; readonly error: unknown };

export const endOf = async (
  work: () => Promise<Json>,
  { run: { id, wish, stop }, limits, journal }: { readonly run: Run; readonly limits: Limits; readonly journal: Journal },
): Promise<Ending> => {
  const fields = { job: id, kind: wish.kind };
  try {
    const result = await work();
    if (stop.aborted) return { how: "cut" };
    const bytes = bytesOf(result);
    if (bytes <= limits.jobResultBytes) return { how: "done", result };
    journal.error({ ...fields, bytes }, "a job's result is larger than one may be");
    return { how: "failed", reason: `its result takes ${bytes} bytes, and may take ${limits.jobResultBytes}` };
  } catch (error) {
    if (stop.aborted && error instanceof AdapterError) return { how: "cut" };
    const reason = reasonOf(error);
    if (reason === undefined) {
      journal.error({ ...fields, err: error }, "a job met a defect");
      return { how: "failed", reason: DEFECT };
    }
    if (!(error instanceof AdapterError)) return { how: "failed", reason };
    // Something that was closed under it is opened again, here or in another process.
    if (error.retryable || error.code === "closed") return { how: "again", reason, error };
    journal.error({ ...fields, err: error }, "a job failed");
    return { how: "failed", reason };
  }
};
