/** The log on Kafka, over its own client. */
import { openJournal } from "../../../adapters/journal-pino.ts";
import type { KafkaClient, ToSend } from "../../../adapters/kafka/client.ts";
import { connectKafka } from "../../../adapters/kafka/connect.ts";
import { openKafkaLogs } from "../../../adapters/log-kafka.ts";
import type { Logs } from "../../../domain/ports.ts";

export type Where = { /** `kafka://host:port/prefix` */ readonly url: string; readonly partitions: number };

/** `onSend` hears of every request that makes facts durable. `factsPerBatch`: as the log's own option. */
export const openLog = async (
  { url, partitions }: Where,
  how: { readonly onSend?: (what: readonly ToSend[]) => void; readonly factsPerBatch?: number } = {},
): Promise<Logs> => {
  const journal = openJournal("warn");
  const { prefix, ...client } = await connectKafka({ url, journal });
  const { onSend, ...options } = how;
  const heard: KafkaClient = {
    ...client,
    send: (what) => {
      onSend?.(what);
      return client.send(what);
    },
  };
  return openKafkaLogs({ client: heard, prefix, journal, partitions, ...options });
};

export const each = (partitions: number): readonly number[] => Array.from({ length: partitions }, (_, p) => p);
