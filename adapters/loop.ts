import { performance } from "node:perf_hooks";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import type { Loop } from "../domain/budget.ts";

/** The event loop of this thread. */
export const systemLoop: Loop = {
  now: () => performance.now(),
  idle: () => performance.eventLoopUtilization().idle,
  sleep: (ms) => wait(ms),
  turn: () => turn(),
};
