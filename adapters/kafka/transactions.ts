/** Transactions under an id: what is sent in one is seen by readers altogether or not at all, and whoever takes the id fences the one before. */
import { AdapterError } from "../../domain/ports.ts";
import type { KafkaClient, ToSend, Transaction } from "./client.ts";
import { type Identity, initProducer } from "./identity.ts";
import type { Cluster } from "./internals.ts";
import type { Link, Trying } from "./link.ts";
import { openProducer } from "./produce.ts";

/** Open transactions hold up readers: one whose writer has died is aborted after so long, if nobody takes the id before. */
const TIMEOUT_MS = 8_000;
/** No use in trying for longer than the transaction lives. */
const FOR_MS = 10_000;
const GROUP = 0;
const TRANSACTION = 1;

const misuse = (why: string): AdapterError => new AdapterError("bad-query", `A Kafka transaction ${why}.`, { retryable: false });

export const openTransactional = async (link: Link, id: string): ReturnType<KafkaClient["transactional"]> => {
  const trying = <T>(what: string, work: (cluster: Cluster) => Promise<T>, forMs?: number): Promise<T> => {
    const how: Trying = { what: `${what} as ${id}` };
    return link.trying(forMs === undefined ? how : { ...how, forMs }, work);
  };
  const init = (still?: Identity): Promise<Identity> =>
    trying(still === undefined ? "Taking the right to write" : "Making good a failed transaction", async (cluster) => {
      const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
      const asked = { transactionalId: id, timeoutMs: TIMEOUT_MS };
      return coordinator.connectionPool.send(initProducer(still === undefined ? asked : { ...asked, still }));
    });

  let identity = await init();
  /** Why nothing more can be written under this id from here. */
  let over: AdapterError | undefined;
  let open = false;
  const produce = openProducer({ link, transaction: { id, identity: () => identity }, forMs: FOR_MS });
  const signature = () => ({ transactionalId: id, producerId: String(identity.producerId), producerEpoch: identity.epoch });

  /** Remembers that another has the id: nothing from here will ever be written again. */
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (over !== undefined) throw over;
    try {
      return await work();
    } catch (error) {
      if (error instanceof AdapterError && error.code === "fenced") over = error;
      throw error;
    }
  };

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
      const done = guarded(work).catch((error: unknown) => {
        broken = true;
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
          trying(
            "Beginning a transaction",
            async (cluster) => {
              const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
              await coordinator.addPartitionsToTxn({
                ...signature(),
                topics: [...fresh].map(([topic, partitions]) => ({ topic, partitions })),
              });
            },
            FOR_MS,
          ),
        );
      await taking;
    };

    const end = async (commit: boolean): Promise<void> => {
      if (ended) throw misuse(`of ${id} has ended`);
      await Promise.all(sending);
      if (commit && broken) throw misuse(`of ${id} has failed in part: it cannot be committed`);
      ended = true;
      try {
        await guarded(async () => {
          if (broken) identity = await init(identity);
          else if (taken.size > 0 || groups.size > 0)
            await trying(
              commit ? "Committing a transaction" : "Aborting a transaction",
              async (cluster) => {
                const coordinator = await link.coordinatorOf(cluster, TRANSACTION, id);
                await coordinator.endTxn({ ...signature(), transactionResult: commit });
              },
              FOR_MS,
            );
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
            await trying(
              "Adding a group to a transaction",
              async (cluster) => {
                await (await link.coordinatorOf(cluster, TRANSACTION, id)).addOffsetsToTxn({ ...signature(), groupId: group });
                groups.add(group);
              },
              FOR_MS,
            );
          const partitions = offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) }));
          await trying(
            "Sending a group's offsets",
            async (cluster) => {
              const coordinator = await link.coordinatorOf(cluster, GROUP, group);
              await coordinator.txnOffsetCommit({ ...signature(), groupId: group, topics: [{ topic, partitions }] });
            },
            FOR_MS,
          );
        }),
      commit: () => end(true),
      abort: () => end(false),
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
