/** One process whose threads each are an engine, with a share of the partitions and a client of its own: beside as many processes. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { asOne } from "../shares.ts";
import type { Answer, Order } from "../worker.ts";
import type { Driving } from "./engine.ts";
import type { Figures, Job } from "./job.ts";

export type Threaded = { readonly threads: number; readonly driving: Driving };

/** As `npm start` has it for a process. */
const LIMITS = { maxYoungGenerationSizeMb: 192 };

export const threads = async ({ threads: count, driving }: Threaded): Promise<Job> => {
  const all = Array.from({ length: count }, () => new Worker(new URL("../worker.ts", import.meta.url), { resourceLimits: LIMITS }));
  const tell = async (order: Order): Promise<readonly Figures[]> =>
    Promise.all(
      all.map(async (thread) => {
        const answered = once(thread, "message");
        thread.postMessage(order);
        const [answer] = (await answered) as [Answer];
        if ("failed" in answer) throw new Error(answer.failed);
        return answer.figures;
      }),
    );
  await tell({ start: "engine", given: driving });
  return {
    prepare: async (n) => void (await tell({ prepare: n })),
    pass: async (n) => asOne(await tell({ pass: n })),
    finish: async (n) => void (await tell({ finish: n })),
    end: async () => {
      await tell({ end: true });
      await Promise.all(all.map((thread) => thread.terminate()));
    },
  };
};
