/** `main.ts serve` that ends itself by SIGKILL at the nth statement that builds or puts away a table: before it is sent, or once it is answered. */
import * as adapters from "../../adapters/open.ts";
import { readConfig } from "../../config.ts";
import { serve } from "../../serve.ts";

const [when, nth] = (process.env.CRASH_AT ?? "").split(":");
let left = Number(nth ?? 0);
/** The books of it alone are made at every start. */
const BUILDS = /\w+__(?:next|old)\b/;

const crashing = async <T>(isOne: boolean, work: () => Promise<T>): Promise<T> => {
  const isLast = isOne && when !== undefined && --left === 0;
  if (isLast && when === "before") process.kill(process.pid, "SIGKILL");
  const done = await work();
  if (isLast) process.kill(process.pid, "SIGKILL");
  return done;
};

await serve(readConfig(process.env), {
  openLogs: adapters.openLogs,
  openStore: adapters.openStore,
  openWarehouse: async (where, parts) => {
    const warehouse = await adapters.openWarehouse(where, parts);
    return {
      ...warehouse,
      select: (sql, params) => warehouse.select(sql, params),
      damaged: () => warehouse.damaged(),
      close: () => warehouse.close(),
      define: async (ddl) => {
        for (const statement of ddl) await crashing(BUILDS.test(statement), () => warehouse.define([statement]));
      },
      insert: (table, rows, token) => crashing(BUILDS.test(table) || table === "rebuilds", () => warehouse.insert(table, rows, token)),
    };
  },
});
