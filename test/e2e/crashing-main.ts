/** `main.ts serve` that ends itself by SIGKILL the nth time it comes by a named point. For the crash loop only. */
import * as adapters from "../../adapters/open.ts";
import type { Openers } from "../../compose.ts";
import { readConfig } from "../../config.ts";
import { betweenLogs } from "../../domain/between.ts";
import type { Derived, Fact } from "../../domain/event.ts";
import type { Log, Logs } from "../../domain/ports.ts";
import { serve } from "../../serve.ts";
import type { Point } from "./crash-points.ts";

const [point, nth] = (process.env.CRASH_AT ?? "").split(":");
let left = Number(nth ?? 0);
const at = (name: Point): void => {
  if (name === point && --left <= 0) process.kill(process.pid, "SIGKILL");
};

const crashingLog = <E extends Fact | Derived>(log: Log<E>): Log<E> => ({
  epoch: log.epoch,
  partitions: log.partitions,
  bounds: (partition) => log.bounds(partition),
  append: async (events) => {
    at("before-append");
    const positions = await log.append(events);
    at("after-append");
    return positions;
  },
  read: async function* (partition, from, how) {
    for await (const batch of log.read(partition, from, how)) {
      at("while-reading");
      yield batch;
    }
  },
});

const openers: Openers = {
  openLogs: async (where, options): Promise<Logs> => {
    const logs = await adapters.openLogs(where, options);
    return betweenLogs(logs, {
      facts: crashingLog(logs.facts),
      derived: crashingLog(logs.derived),
      claim: (own) =>
        logs.claim((owned) =>
          own({
            partition: owned.partition,
            lost: owned.lost,
            restore: () => owned.restore(),
            commit: async (work) => {
              at(work.checkpoint === undefined ? "before-commit" : "before-checkpoint");
              await owned.commit(work);
              at(work.checkpoint === undefined ? "after-commit" : "after-checkpoint");
            },
          }),
        ),
    });
  },
  openStore: async (where) => {
    const store = await adapters.openStore(where);
    return {
      append: async (stream, expected, events) => {
        at("before-decision");
        const revision = await store.append(stream, expected, events);
        at("after-decision");
        return revision;
      },
      read: (stream, after, most) => store.read(stream, after, most),
      head: (stream) => store.head(stream),
      follow: (from, signal) => store.follow(from, signal),
      bookmark: (name) => store.bookmark(name),
      setBookmark: (name, position) => {
        at("before-bookmark");
        return store.setBookmark(name, position);
      },
      close: () => store.close(),
    };
  },
  openWarehouse: async (where, parts) => {
    const warehouse = await adapters.openWarehouse(where, parts);
    return {
      define: (ddl) => warehouse.define(ddl),
      select: (sql, params) => warehouse.select(sql, params),
      damaged: () => warehouse.damaged(),
      close: () => warehouse.close(),
      insert: async (table, rows, token) => {
        if (table !== "marks") at("before-insert");
        await warehouse.insert(table, rows, token);
        at(table === "marks" ? "after-mark" : "after-insert");
      },
    };
  },
};

await serve(readConfig(process.env), openers);
