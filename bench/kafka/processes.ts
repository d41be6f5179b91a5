/** The processes that do the jobs. They end with this one. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { GivenTo, JobName } from "./jobs/index.ts";
import type { Figures } from "./jobs/job.ts";
import type { Answer, Order } from "./worker.ts";

export type Worker = {
  readonly pid: number;
  prepare(n: number): Promise<void>;
  pass(n: number): Promise<Figures>;
  finish(n: number): Promise<void>;
  /** Gives the peak of the memory resident, MB. */
  end(): Promise<number>;
};

/** As `npm start` has it: a larger young generation. And kafkajs reckons a delay below zero at its start, which does no harm. */
const FLAGS = ["--max-semi-space-size=64", "--disable-warning=TimeoutNegativeWarning"];
const PROGRAM = fileURLToPath(new URL("worker.ts", import.meta.url));

/** `profile`: a folder for a processor profile of it. */
export const startJob = async <N extends JobName>(name: N, given: GivenTo<N>, profile?: string): Promise<Worker> => {
  const profiling =
    profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${name}-${Date.now()}.cpuprofile`];
  const child = fork(PROGRAM, [], { execArgv: [...FLAGS, ...profiling], stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const gone = once(child, "exit").then(([code]) => ({ failed: `ended with code ${code}` }));
  let rssMb = 0;
  const tell = async (order: Order): Promise<Figures> => {
    const answered = once(child, "message").then(([answer]) => answer as Answer);
    child.send(order);
    const answer = await Promise.race([answered, gone]);
    if ("failed" in answer) throw new Error(`${name}: ${answer.failed}`);
    rssMb = answer.rssMb;
    return answer.figures;
  };
  await tell({ start: name, given });
  return {
    pid: child.pid as number,
    prepare: async (n) => void (await tell({ prepare: n })),
    pass: (n) => tell({ pass: n }),
    finish: async (n) => void (await tell({ finish: n })),
    end: async () => {
      await tell({ end: true });
      child.disconnect();
      await gone;
      return rssMb;
    },
  };
};

/** A job that is done once, and is not measured. */
export const doOnce = async <N extends JobName>(name: N, given: GivenTo<N>): Promise<Figures> => {
  const worker = await startJob(name, given);
  const figures = await worker.pass(0);
  await worker.end();
  return figures;
};

export type Passes = { readonly figures: readonly Figures[]; readonly rssMb: number };

/** In turns, so that a machine that warms up or slows down favours nobody. The first pass of each only warms up. */
export const inTurns = async (workers: readonly Worker[], passes: number): Promise<readonly Passes[]> => {
  const figures: Figures[][] = workers.map(() => []);
  for (let n = 0; n <= passes; n++) {
    const order = [...workers.entries()];
    for (const [i, worker] of n % 2 === 0 ? order : order.reverse()) {
      await worker.prepare(n);
      const measured = await worker.pass(n);
      await worker.finish(n);
      if (n > 0) figures[i]?.push(measured);
    }
  }
  return Promise.all(workers.map(async (worker, i) => ({ figures: figures[i] as Figures[], rssMb: await worker.end() })));
};
