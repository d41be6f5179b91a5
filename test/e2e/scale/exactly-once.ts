/**
 * Engines in processes of their own divide the partitions of a real Kafka log; each is killed with -9 and started again, again and
 * again, and the broker once. Frames are sent all the while.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { dice } from "../../support/history.ts";
import { type Installation, install, type Wanted } from "./installation.ts";
import { send } from "./load.ts";
import type { Node } from "./nodes.ts";
import { judge, type Verdict } from "./verdict.ts";

export type Plan = Wanted & {
  readonly frames: number;
  /** For each engine. */
  readonly kills: number;
  /** Over so many seconds the kills are spread, and the frames with them. */
  readonly seconds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
};

export const exactlyOnce = async (plan: Plan): Promise<Verdict> => {
  const installation = await install(plan);
  try {
    plan.say(`${installation.cameras.length} cameras on ${plan.partitions} partitions, ${plan.engines} engines; the load begins`);
    const began = performance.now();
    let disturbing = true;
    let slowestMs = 0;
    const loading = send({
      url: () => installation.house.url,
      cameras: installation.cameras,
      seed: plan.seed,
      frames: () => plan.frames,
      senders: 4,
      pace: () => (disturbing ? plan.frames / plan.seconds : undefined),
      acknowledged: (ms) => {
        slowestMs = Math.max(slowestMs, ms);
      },
    });
    const kills = await disturb(plan, installation);
    disturbing = false;
    await loading;
    const seconds = (performance.now() - began) / 1000;
    const { faults, figures } = await judge(installation, plan.say);
    return {
      faults,
      figures: {
        "engines killed": kills,
        "seconds of load": Math.round(seconds),
        "slowest acknowledgement, ms": Math.round(slowestMs),
        ...figures,
      },
    };
  } finally {
    await installation.end();
  }
};

/** Kills and bounces, in an order the seed decides, evenly over the time. Says how many engines were killed. */
const disturb = async (plan: Plan, { engines, kafka, acknowledged }: Installation): Promise<number> => {
  const d = dice(plan.seed);
  const round = () => engines.map((engine) => ({ engine, at: d.next() })).sort((a, b) => a.at - b.at);
  const victims: (Node | "broker")[] = Array.from({ length: plan.kills }, round).flatMap((all) => all.map(({ engine }) => engine));
  victims.splice(Math.floor(victims.length / 2) + d.upTo(2), 0, "broker");
  const every = (plan.seconds * 1000) / (victims.length + 1);
  const begin = performance.now();
  for (const [i, victim] of victims.entries()) {
    const due = begin + (i + 0.5 + 0.5 * d.next()) * every;
    await sleep(Math.max(0, due - performance.now()));
    const downMs = 200 + d.upTo(2500);
    if (victim === "broker") {
      await kafka.kill();
      await sleep(downMs);
      await kafka.restart();
    } else {
      await victim.kill();
      await sleep(downMs);
      await victim.start();
    }
    plan.say(
      `${victim === "broker" ? "the broker" : victim.name} killed, down for ${downMs} ms and back; ${acknowledged()} frames acknowledged`,
    );
  }
  return victims.length - 1;
};
