/** Transactions back to back, alone and side by side. */
import { randomUUID } from "node:crypto";
import { beside, type Given, type Ratio, type Row, ratio, shown, spread, type Told } from "./part.ts";
import { inTurns, type Passes, startJob } from "./processes.ts";

const PER_PASS = 100;

export const transactions = async ({ bench, size }: Given): Promise<Told> => {
  const rows: Row[] = [];
  const ratios: Ratio[] = [];
  for (const partitions of [1, size.partitions]) {
    const name = `transactions-${randomUUID().slice(0, 8)}`;
    const topics = { derived: `${name}.derived`, progress: `${name}.progress` };
    await bench.topic(topics.derived, partitions);
    await bench.topic(topics.progress, partitions);
    const given = { brokers: bench.brokers, topics, partitions, perPass: size.quick ? 20 : PER_PASS };
    const who = ["ours", "kafkajs", "platformatic"] as const;
    const measured = await inTurns(await Promise.all(who.map((client) => startJob("transactions", { ...given, client }))), size.passes);
    const rates = measured.map((one) => spread(one, ({ perSecond }) => perSecond as number));
    for (const [i, client] of who.entries()) {
      const one = measured[i] as Passes;
      rows.push({
        "": { ours: "the log's client", kafkajs: "bare kafkajs", platformatic: "bare @platformatic/kafka" }[client],
        "side by side": partitions,
        "transactions/s": shown(rates[i] as ReturnType<typeof spread>, 1, 0),
        "p50 ms": spread(one, ({ p50 }) => p50 as number).median.toFixed(1),
        "p99 ms": spread(one, ({ p99 }) => p99 as number).median.toFixed(1),
        ...beside(one.rssMb),
      });
    }
    const [ours, kafkajs, platformatic] = rates.map(({ median }) => median) as [number, number, number];
    ratios.push(ratio(`transactions, ${partitions} side by side`, "bare kafkajs", ours, kafkajs));
    ratios.push(ratio(`transactions, ${partitions} side by side`, "bare @platformatic/kafka", ours, platformatic));
    await bench.drop(await bench.topicsOf(name));
  }
  return { title: "Transactions back to back: one event of 500 bytes and the position", rows, ratios };
};
