/** The log's own reader: everything in the facts, checked and unpacked, and nothing done with it. */
import { type Job, secondsOf } from "./job.ts";
import { each, openLog, type Where } from "./log.ts";

export const read = async (given: Where): Promise<Job> => {
  const logs = await openLog(given);
  return {
    pass: async () => {
      let objects = 0;
      const one = async (partition: number): Promise<void> => {
        for await (const { events } of logs.facts.read(partition, "start"))
          for (const fact of events) if (fact.kind === "frame") objects += fact.objects.length;
      };
      const seconds = await secondsOf(async () => void (await Promise.all(each(given.partitions).map(one))));
      return { seconds, objects };
    },
    end: () => logs.close(),
  };
};
