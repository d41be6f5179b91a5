/** Forked, or a thread: does one job, pass by pass as it is told, so that its memory and its compiler's warmth are nobody else's. */
import { parentPort } from "node:worker_threads";
import { type JobName, jobs } from "./jobs/index.ts";
import type { Figures, Job } from "./jobs/job.ts";

export type Order =
  | { readonly start: JobName; readonly given: unknown }
  | { readonly prepare: number }
  | { readonly pass: number }
  | { readonly finish: number }
  | { readonly end: true };

export type Answer = { readonly figures: Figures; readonly rssMb: number } | { readonly failed: string };

let job: Job | undefined;

const started = (): Job => {
  if (job === undefined) throw new Error("no job was started");
  return job;
};

/** With the seconds of processor it took, every thread of this process. */
const passing = async (n: number): Promise<Figures> => {
  const before = process.cpuUsage();
  const figures = await started().pass(n);
  const { user, system } = process.cpuUsage(before);
  return { ...figures, cpu: (user + system) / 1e6 };
};

const obey = async (order: Order): Promise<Figures> => {
  if ("start" in order) job = await jobs[order.start](order.given as never);
  else if ("prepare" in order) await started().prepare?.(order.prepare);
  else if ("pass" in order) return passing(order.pass);
  else if ("finish" in order) await started().finish?.(order.finish);
  else await started().end();
  return {};
};

const answer = (one: Answer): void => (parentPort === null ? void process.send?.(one) : parentPort.postMessage(one));

(parentPort ?? process).on("message", (order: Order) => {
  obey(order).then(
    (figures) => answer({ figures, rssMb: Math.round(process.resourceUsage().maxRSS / 1024) }),
    (error: unknown) => answer({ failed: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.on("disconnect", () => process.exit(0));
