/**
 * Engines in processes of their own divide the partitions of a real Kafka log; each is killed with -9 and started again, again and
 * again, and the broker once. Frames are sent all the while.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { dice } from "../../support/history.ts";
import { type CommitPoint, commitPoints } from "./commit-points.ts";
import { type Installation, install, type Wanted } from "./installation.ts";
import { send } from "./load.ts";
import { ABORTED, type Figures, judge, type Verdict } from "./verdict.ts";

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
  const program = fileURLToPath(new URL("crashing-engine.ts", import.meta.url));
  const installation = await install(plan, { engine: { program, env: (number) => started(pointOf(number, 0)) } });
  try {
    plan.say(`${installation.cameras.length} cameras on ${plan.partitions} partitions, ${plan.engines} engines; the load begins`);
    const began = performance.now();
    let disturbing = true;
    let slowestMs = 0;
    const loading = send({
      url: () => installation.house.url,
      cameras: installation.cameras,
      seed: plan.seed,
      // Somebody sends as long as somebody is killed.
      frames: () => (disturbing ? Number.POSITIVE_INFINITY : plan.frames),
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
    const { faults: found, figures } = await judge(installation, plan.say);
    const faults = [...found];
    if (Number(figures[ABORTED]) === 0) faults.push("no transaction was cut off in the middle: this run shows little");
    return {
      faults,
      figures: {
        ...kills,
        "seconds of load": Math.round(seconds),
        "slowest acknowledgement, ms": Math.round(slowestMs),
        ...figures,
      },
    };
  } finally {
    await installation.end();
  }
};

/** Where an engine is killed: at a point of a commit, or wherever it is. In turn, so that each engine and each kind of kill meet. */
const pointOf = (engine: number, kill: number): CommitPoint | undefined =>
  [...commitPoints, undefined][(engine + kill) % (commitPoints.length + 1)];
const started = (point: CommitPoint | undefined): Readonly<Record<string, string>> => ({ CRASH_AT: point ?? "" });

/** Kills and bounces, in an order the seed decides, evenly over the time. Says where how many engines were killed. */
const disturb = async (plan: Plan, { engines, kafka, acknowledged }: Installation): Promise<Figures> => {
  const d = dice(plan.seed);
  const round = (_: unknown, kill: number) =>
    engines.map((engine, i) => ({ engine, number: i, kill, at: d.next() })).sort((a, b) => a.at - b.at);
  const victims: ("broker" | ReturnType<typeof round>[number])[] = Array.from({ length: plan.kills }, round).flat();
  victims.splice(Math.floor(victims.length / 2), 0, "broker");
  const killed = new Map<string, number>();
  const every = (plan.seconds * 1000) / (victims.length + 1);
  const begin = performance.now();
  for (const [i, victim] of victims.entries()) {
    const due = begin + (i + 0.5 + 0.5 * d.next()) * every;
    await sleep(Math.max(0, due - performance.now()));
    const downMs = 200 + d.upTo(2500);
    let what = "the broker killed";
    if (victim === "broker") {
      await kafka.kill();
      await sleep(downMs);
      await kafka.restart();
    } else {
      const { engine, number, kill } = victim;
      const point = pointOf(number, kill);
      const came = point !== undefined && (await engine.killAtPoint());
      if (point === undefined) await engine.kill();
      const where = came ? point : "anywhere";
      killed.set(where, (killed.get(where) ?? 0) + 1);
      what = `${engine.name} killed (${where})`;
      await sleep(downMs);
      await engine.start(started(pointOf(number, kill + 1)));
    }
    plan.say(`${what}, down for ${downMs} ms and back; ${acknowledged()} frames acknowledged`);
  }
  return Object.fromEntries([...killed].sort().map(([where, count]) => [`engines killed (${where})`, count]));
};
