import { append } from "./append.ts";
import { consume } from "./consume.ts";
import { engine } from "./engine.ts";
import type { Job } from "./job.ts";
import { load } from "./load.ts";
import { produce } from "./produce.ts";
import { read } from "./read.ts";
import { threads } from "./threads.ts";
import { transactions } from "./transactions.ts";

export const jobs = { append, consume, engine, load, produce, read, threads, transactions } as const satisfies Record<
  string,
  (given: never) => Promise<Job>
>;
export type JobName = keyof typeof jobs;
export type GivenTo<N extends JobName> = Parameters<(typeof jobs)[N]>[0];
