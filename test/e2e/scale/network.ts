/**
 * A bad network in front of Kafka and in front of the warehouse, fault after fault as seeds decide, under load all the while. After
 * each the time is taken until new frames are acknowledged, heard of by a subscriber and read from the warehouse again, in every partition.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../../../adapters/clock.ts";
import { within } from "../../../domain/within.ts";
import { freePorts } from "../../servers/kafka/ports.ts";
import { spread } from "../../support/figures.ts";
import { type Fault, type Spell, scheduleOf, startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { client } from "../client.ts";
import { type Installation, install, type Wanted } from "./installation.ts";
import { insist, underLoad } from "./load.ts";
import { judge, type Verdict } from "./verdict.ts";

export type Place = "kafka" | "warehouse";
export type NetworkPlan = Wanted & {
  readonly seeds: readonly number[];
  /** Where the warehouse listens: a server that speaks ClickHouse's HTTP, to be asked through the proxy. */
  readonly warehouse: { readonly port: number; readonly path: string };
  readonly framesPerSecond: number;
  /** After the end of a fault; `calmMs`: how long the same took last in this run without one. */
  readonly recoveredWithinMs: (calmMs: number) => number;
  readonly say: (line: string) => void;
};

/** Longer than the group waits for a silent member and than a transaction may stay open. */
const LONGEST_MS = 10_000;
/** Beyond it nothing is moving any more. */
const GIVEN_UP_MS = 60_000;
const PROBE_EVERY_MS = 500;
/** Every so many faults it is looked how long the same takes without one. */
const CALM_EVERY = 3;
const CALM = "no fault";

/** Every kind of fault takes its turn in front of Kafka, then every kind in front of the warehouse, and so on. */
const placeOf = (seed: number): Place => (Math.floor(seed / 6) % 2 === 0 ? "kafka" : "warehouse");
const spellOf = (seed: number): Spell => scheduleOf(seed, 1, LONGEST_MS)[0] as Spell;
const worstOf = ({ alert, row }: Recovery): number => Math.max(alert, row);
const wordsOf = ({ kind, ...how }: Fault): string => [kind, ...Object.values(how)].join(" ");

type Recovery = { readonly acknowledged: number; readonly alert: number; readonly row: number };

/** In one partition, from now on: how long until a new frame is through, to its end. */
const recovered = async ({ prober, house }: Installation, partition: number, from: number): Promise<Recovery> => {
  const probe = await prober.probe(partition);
  const { sensorId, position } = prober.cameras[partition] as (typeof prober.cameras)[number];
  const heard = async (): Promise<number> => {
    while (probe.alertAt === undefined) await sleep(5);
    return probe.alertAt;
  };
  const read = async (): Promise<number> => {
    const query = `sensorId=${sensorId}&fromTimestamp=2026-01-01T00:00:00Z&limit=1&after=${position}`;
    await insist(() => client(house.url)("GET", `/frames?${query}`));
    return performance.now();
  };
  const [alertAt, readAt] = await Promise.all([heard(), read()]);
  return { acknowledged: (probe.acknowledgedAt as number) - from, alert: alertAt - from, row: readAt - from };
};

export const network = async (plan: NetworkPlan): Promise<Verdict> => {
  const [port] = (await freePorts(1)) as [number];
  const proxies: Readonly<Record<Place, TcpProxy>> = {
    kafka: await startTcpProxy({ seed: 1, port }),
    warehouse: await startTcpProxy({ seed: 2, to: plan.warehouse.port }),
  };
  const installation = await install(plan, {
    kafka: { listeners: { PROXIED: "PLAINTEXT" }, advertised: { PROXIED: port } },
    port: ({ ports }) => {
      proxies.kafka.leadTo(ports.PROXIED as number);
      return port;
    },
    env: { TALLYWIRE_WAREHOUSE: `http://127.0.0.1:${proxies.warehouse.port}${plan.warehouse.path}` },
  });
  const faults: string[] = [];
  const recoveries = new Map<string, Recovery[]>();
  const stop = new AbortController();
  try {
    const load = underLoad(installation, { ...plan, seed: plan.seeds[0] ?? 0, probeEveryMs: PROBE_EVERY_MS }, stop.signal);
    const note = (what: string, name: string, recovery: Recovery): void => {
      const { acknowledged, alert, row } = recovery;
      plan.say(`${what}: acknowledged after ${acknowledged.toFixed(0)} ms, alert ${alert.toFixed(0)}, row ${row.toFixed(0)}`);
      recoveries.set(name, [...(recoveries.get(name) ?? []), recovery]);
    };
    const numbers = Array.from({ length: plan.partitions }, (_, partition) => partition);
    const everywhere = async (): Promise<Recovery | undefined> => {
      const from = performance.now();
      const trying = Promise.all(numbers.map((partition) => recovered(installation, partition, from)));
      const all = await within<Recovery[] | undefined>({ clock: systemClock }, GIVEN_UP_MS, trying, () => undefined);
      return all?.reduce((most, one) => ({
        acknowledged: Math.max(most.acknowledged, one.acknowledged),
        alert: Math.max(most.alert, one.alert),
        row: Math.max(most.row, one.row),
      }));
    };
    let limitMs = plan.recoveredWithinMs(0);
    for (const [i, seed] of plan.seeds.entries()) {
      if (i % CALM_EVERY === 0) {
        const calm = await everywhere();
        if (calm === undefined) throw new Error("nothing comes through even without a fault");
        note(CALM, CALM, calm);
        limitMs = plan.recoveredWithinMs(worstOf(calm));
      }
      const { afterMs, forMs, fault } = spellOf(seed);
      const place = placeOf(seed);
      const proxy = proxies[place];
      await sleep(afterMs);
      await proxy.begin(fault);
      await sleep(forMs);
      await proxy.end();
      const recovery = await everywhere();
      const what = `seed ${seed}: ${wordsOf(fault)} in front of ${place} for ${forMs} ms`;
      if (recovery === undefined) {
        faults.push(`${what}: nothing came through for ${GIVEN_UP_MS} ms after it ended`);
        break;
      }
      note(what, `${fault.kind} in front of ${place}`, recovery);
      if (worstOf(recovery) > limitMs)
        faults.push(`${what}: recovered after ${worstOf(recovery).toFixed(0)} ms, over ${limitMs.toFixed(0)}`);
    }
    stop.abort();
    await within<unknown>({ clock: systemClock }, GIVEN_UP_MS, load, () => {
      throw new Error(["the load does not end", ...faults].join("; "));
    });
    const verdict = await judge(installation, plan.say);
    const told = [...recoveries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, all]) => {
        const of = (part: keyof Recovery): string => spread(all.map((one) => one[part]));
        return [`${name} (${all.length})`, `acknowledged ${of("acknowledged")}; alert ${of("alert")}; row ${of("row")}`] as const;
      });
    for (const [place, proxy] of Object.entries(proxies))
      if (proxy.passed === 0) faults.push(`nothing went through the proxy in front of ${place}: this run shows nothing`);
    return { faults: [...faults, ...verdict.faults], figures: { ...verdict.figures, ...Object.fromEntries(told) } };
  } finally {
    stop.abort();
    await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
    await installation.end();
  }
};
