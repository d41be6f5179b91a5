/** Transactions under an id: what is sent in one is seen by readers altogether or not at all, and whoever takes the id fences the one before. */
import { AdapterError } from "../../domain/ports.ts";
import type { KafkaClient, ToSend, Transaction } from "./client.ts";
import { verdictOf } from "./errors.ts";
import { initProducer } from "./identity.ts";
import type { Cluster } from "./internals.ts";
import type { Link } from "./link.ts";
import { openProducer } from "./produce.ts";

/**
 * Open transactions hold up readers: one whose writer has died is aborted after so long, if nobody takes the id before. No use in trying
 * for longer.
 */
const LIVES_MS = 8_000;
const GROUP = 0;
const TRANSACTION = 1;

const misuse = (why: string): AdapterError => new AdapterError("bad-query", `A Kafka transaction ${why}.`, { retryable: false });

/** `signal`: once it is aborted nothing is tried any more. */
export const openTransactional = async (link: Link, id: string, signal?: AbortSignal): ReturnType<KafkaClient["transactional"]> => {
  const stopping = signal === undefined ? {} : { signal };
  const trying = <T>(what: string, work: (cluster: Cluster) => Promise<T>): Promise<T> =>
    link.trying({ what: `${what} as ${id}`, forMs: LIVES_MS, ...stopping }, work);

  const identity = await link.trying({ what: `Taking the right to write as ${id}`, ...stopping }, async (cluster) => {
    const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
    return coordinator.connectionPool.send(initProducer({ id, timeoutMs: LIVES_MS }));
  });
  /** Why nothing more can be written under this id from here. */
  let over: AdapterError | undefined;
  let open = false;
  const produce = openProducer({ link, transaction: { id, identity }, forMs: LIVES_MS, ...stopping });
  const signature = () => ({ transactionalId: id, producerId: String(identity.producerId), producerEpoch: identity.epoch });

  const begin = async (): Promise<Transaction> => {
    if (over !== undefined) throw over;
    if (open) throw misuse(`of ${id} is open already`);
    open = true;
    let ended = false;
    /** Something failed, of which it is not known how much was done. */
    let broken = false;
    let taking: Promise<unknown> = Promise.resolve();
    const taken = new Set<string>();
    const groups = new Set<string>();
    const sending = new Set<Promise<unknown>>();

    const step = <T>(work: () => Promise<T>): Promise<T> => {
      if (ended) throw misuse(`of ${id} has ended`);
      const done = (over === undefined ? work() : Promise.reject(over)).catch((error: unknown) => {
        // Taking the id anew aborts it.
        broken = true;
        over ??= error as AdapterError;
        throw error;
      });
      const settled: Promise<unknown> = done.then(
        () => sending.delete(settled),
        () => sending.delete(settled),
      );
      sending.add(settled);
      return done;
    };

    /** The coordinator has to know a partition before anything is written there. */
    const take = async (what: readonly ToSend[]): Promise<void> => {
      const fresh = new Map<string, number[]>();
      for (const { topic, records } of what)
        for (const { partition } of records) {
          const name = `${topic}/${partition}`;
          if (taken.has(name)) continue;
          taken.add(name);
          fresh.set(topic, [...(fresh.get(topic) ?? []), partition]);
        }
      const before = taking;
      if (fresh.size > 0)
        taking = before.then(() =>
          trying("Beginning a transaction", async (cluster) => {
            const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
            const topics = [...fresh].map(([topic, partitions]) => ({ topic, partitions }));
            try {
              await coordinator.addPartitionsToTxn({ ...signature(), topics });
            } catch (error) {
              if (verdictOf(error).type !== "OPERATION_NOT_ATTEMPTED") throw error;
              // Another of them was refused: asked for alone, it says why.
              for (const one of topics) await coordinator.addPartitionsToTxn({ ...signature(), topics: [one] });
            }
          }),
        );
      await taking;
    };

    const commit = async (): Promise<void> => {
      if (ended) throw misuse(`of ${id} has ended`);
      await Promise.all(sending);
      if (broken) throw misuse(`of ${id} has failed in part: it cannot be committed`);
      ended = true;
      try {
        if (over !== undefined) throw over;
        if (taken.size > 0 || groups.size > 0)
          await trying("Committing a transaction", async (cluster) => {
            const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
            await coordinator.endTxn({ ...signature(), transactionResult: true });
          });
      } catch (error) {
        // Whether it was committed is not known. Whoever takes the id anew finds it finished one way or the other.
        over ??= error as AdapterError;
        throw error;
      } finally {
        open = false;
      }
    };

    return {
      send: (what) =>
        step(async () => {
          await take(what);
          await produce(what);
        }),
      sendOffsets: (group, topic, offsets) =>
        step(async () => {
          if (!groups.has(group))
            await trying("Adding a group to a transaction", async (cluster) => {
              await (await link.coordinatorOf(cluster, TRANSACTION, id)).addOffsetsToTxn({ ...signature(), groupId: group });
              groups.add(group);
            });
          const partitions = offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) }));
          await trying("Sending a group's offsets", async (cluster) => {
            const coordinator = await link.coordinatorOf(cluster, GROUP, group);
            await coordinator.txnOffsetCommit({ ...signature(), groupId: group, topics: [{ topic, partitions }] });
          });
        }),
      commit,
    };
  };

  return {
    begin,
    close: async () => {
      over ??= new AdapterError("closed", `Writing as ${id} is closed.`, { retryable: false });
      link.close();
    },
  };
};
