/** Something between the logs and who uses them: all that is not said otherwise goes on as it is. What a port has is named here once. */
import type { Derived, Fact } from "./event.ts";
import type { Log, Logs } from "./ports.ts";

export const betweenLog = <E extends Fact | Derived>(log: Log<E>, instead: Partial<Log<E>>): Log<E> => ({
  epoch: log.epoch,
  partitions: log.partitions,
  append: (events) => log.append(events),
  read: (partition, from, how) => log.read(partition, from, how),
  bounds: (partition) => log.bounds(partition),
  ...instead,
});

export const betweenLogs = (logs: Logs, instead: Partial<Logs>): Logs => ({
  facts: logs.facts,
  derived: logs.derived,
  claim: (own) => logs.claim(own),
  share: (name, work) => logs.share(name, work),
  progress: (partition) => logs.progress(partition),
  putBase: (base) => logs.putBase(base),
  baseBefore: (camera, at) => logs.baseBefore(camera, at),
  retain: (policy) => logs.retain(policy),
  close: () => logs.close(),
  ...instead,
});
