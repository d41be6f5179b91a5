/**
 * Engines join and leave under load. What a subscriber notices of it: the largest gap between the acknowledgement of a frame and the
 * alert it raises, over all partitions, from the beginning of the change until everything is as quick as before.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { greatest, spread } from "../../support/figures.ts";
import { type Installation, install, type Wanted } from "./installation.ts";
import { underLoad } from "./load.ts";
import type { Probe } from "./probes.ts";
import { judge, type Verdict } from "./verdict.ts";

export type RebalancePlan = Wanted & {
  /** Of joining and leaving, once by SIGTERM and once by kill -9. */
  readonly rounds: number;
  readonly framesPerSecond: number;
  readonly probeEveryMs: number;
  readonly say: (line: string) => void;
};

/** A change is over when, for so long, every alert came within `QUICK_MS`. */
const CALM_MS = 3000;
const QUICK_MS = 1000;
const GIVEN_UP_MS = 60_000;

const gap = ({ acknowledgedAt, alertAt }: Probe, now: number): number => Math.max(0, (alertAt ?? now) - (acknowledgedAt ?? now));

/** The largest gap among the probes acknowledged since; returns when the change is over. Throws when it does not come to be. */
const pauseOf = async ({ prober }: Installation, change: () => Promise<unknown>): Promise<number> => {
  const first = prober.probes.length;
  const began = performance.now();
  await change();
  for (;;) {
    await sleep(100);
    const now = performance.now();
    const recent = prober.probes.slice(first).filter(({ acknowledgedAt }) => (acknowledgedAt ?? now) > now - CALM_MS - QUICK_MS);
    const calm = now - began > CALM_MS + QUICK_MS && recent.length > 0 && recent.every((probe) => gap(probe, now) <= QUICK_MS);
    if (calm) return greatest(prober.probes.slice(first).map((probe) => gap(probe, now)));
    if (now - began > GIVEN_UP_MS) throw new Error("alerts do not come again after an engine came or went");
  }
};

export const rebalance = async (plan: RebalancePlan): Promise<Verdict> => {
  const installation = await install(plan);
  const { engines } = installation;
  const stop = new AbortController();
  const pauses = {
    "no engine comes or goes": [] as number[],
    "an engine joins": [] as number[],
    "an engine leaves (SIGTERM)": [] as number[],
    "an engine is killed (-9)": [] as number[],
  };
  try {
    const load = underLoad(installation, { ...plan, seed: 1 }, stop.signal);
    const change = async (name: keyof typeof pauses, how: () => Promise<unknown>): Promise<void> => {
      const ms = await pauseOf(installation, how);
      pauses[name].push(ms);
      plan.say(`${name}: ${ms.toFixed(0)} ms`);
    };
    await pauseOf(installation, () => sleep(CALM_MS));
    for (let round = 0; round < plan.rounds; round++) {
      const engine = engines[round % engines.length] as (typeof engines)[number];
      await change("no engine comes or goes", () => sleep(CALM_MS));
      await change("an engine leaves (SIGTERM)", () => engine.stop());
      await change("an engine joins", () => engine.start());
      await change("an engine is killed (-9)", () => engine.kill());
      await change("an engine joins", () => engine.start());
    }
    stop.abort();
    await load;
    const { faults, figures } = await judge(installation, plan.say);
    const told = Object.fromEntries(
      Object.entries(pauses).map(([name, all]) => [
        `${name} (${all.length})`,
        `largest gap between acknowledgement and alert: ${spread(all)}`,
      ]),
    );
    return { faults, figures: { ...figures, ...told } };
  } finally {
    stop.abort();
    await installation.end();
  }
};
