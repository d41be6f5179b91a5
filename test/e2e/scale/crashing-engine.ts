/**
 * `main.ts serve` on Kafka that, once it hears SIGUSR2, ends itself by SIGKILL the next time it comes by a named point of a transaction
 * with derived events in it. For the runs that ask for exactly once only.
 */

import type { KafkaClient, Transaction } from "../../../adapters/kafka/client.ts";
import { connectKafka } from "../../../adapters/kafka/connect.ts";
import { openKafkaLogs } from "../../../adapters/log-kafka.ts";
import * as adapters from "../../../adapters/open.ts";
import { readConfig } from "../../../config.ts";
import { serve } from "../../../serve.ts";
import type { CommitPoint } from "./commit-points.ts";

let armed = false;
process.on("SIGUSR2", () => {
  armed = true;
});
const at = (point: CommitPoint): void => {
  if (armed && process.env.CRASH_AT === point) process.kill(process.pid, "SIGKILL");
};

const crashing = (transaction: Transaction): Transaction => {
  let derives = false;
  return {
    send: async (what) => {
      await transaction.send(what);
      derives ||= what.some(({ topic, records }) => topic.endsWith(".derived") && records.length > 0);
      if (derives) at("sent");
    },
    sendOffsets: (group, topic, offsets) => transaction.sendOffsets(group, topic, offsets),
    commit: async () => {
      const committed = transaction.commit();
      // The request has left by then, or is about to: whether Kafka hears of it is chance.
      if (derives) setImmediate(() => at("committing"));
      await committed;
      if (derives) at("committed");
    },
  };
};

const crashingClient = (client: KafkaClient): KafkaClient => ({
  ...client,
  transactional: async (id) => {
    const { begin, close } = await client.transactional(id);
    return { begin: async () => crashing(await begin()), close };
  },
});

const openLogs: typeof adapters.openLogs = async ({ url, kafka, journal }, options) => {
  const { prefix, ...client } = await connectKafka({ url, access: kafka, journal });
  return openKafkaLogs({ client: crashingClient(client), prefix, journal, ...options });
};

await serve(readConfig(process.env), { ...adapters, openLogs });
