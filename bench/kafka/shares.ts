import type { Figures } from "./jobs/job.ts";

/** Several engines that share the work as one: its time is from the first that began to the last that ended. */
export const asOne = (figures: readonly Figures[]): Figures => {
  const of = (name: string): number[] => figures.map((one) => one[name] as number);
  const sum = (name: string): number => of(name).reduce((a, b) => a + b, 0);
  return {
    seconds: (Math.max(...of("to")) - Math.min(...of("from"))) / 1000,
    cpu: sum("cpu"),
    alerts: sum("alerts"),
    derived: sum("derived"),
    commits: sum("commits"),
    checkpoints: sum("checkpoints"),
    commitP50: Math.max(...of("commitP50")),
    commitP99: Math.max(...of("commitP99")),
    cycleP50: Math.max(...of("cycleP50")),
    cycleP99: Math.max(...of("cycleP99")),
  };
};
