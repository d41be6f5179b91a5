/** Logs and warehouse for a command that works at them itself, without a server. */
import { existsSync } from "node:fs";
import { openJournal } from "./adapters/journal-pino.ts";
import { openMeter } from "./adapters/meter-prometheus.ts";
import { openArchive, openLogs, openWarehouse } from "./adapters/open.ts";
import { accessOf, type Config, ConfigError, isShared } from "./config.ts";
import { reachedAlone, reachedBy } from "./roles/jobs/verify.ts";

/** The journal says what is wrong, and nothing else. Throws AdapterError, `in-use` where a server has it; ConfigError where there is nothing. */
export const openData = async (config: Config) => {
  const { DATA, LOG, WAREHOUSE } = config;
  if (LOG.startsWith("memory:")) throw new ConfigError(["TALLYWIRE_LOG: a log in memory is gone with its server"]);
  if ((LOG === "file:" || WAREHOUSE === "chdb:") && !existsSync(DATA))
    throw new ConfigError([`TALLYWIRE_DATA: there is no folder ${DATA}`]);
  const journal = openJournal(config.LOG_LEVEL === "info" ? "warn" : config.LOG_LEVEL);
  const skipCorrupt = config.SKIP_CORRUPT === "" ? [] : config.SKIP_CORRUPT.split(",");
  const logs = await openLogs(
    { url: LOG, dataDir: DATA, kafka: accessOf(config), journal },
    { partitions: config.PARTITIONS, skipCorrupt },
  );
  try {
    const warehouse = await openWarehouse({ url: WAREHOUSE, dataDir: DATA }, { journal, meter: openMeter() });
    const reached = isShared(config) ? reachedBy({ isShared: true, progress: { passed: () => 0 } }) : reachedAlone;
    const close = async (): Promise<void> => {
      try {
        await warehouse.close();
      } finally {
        await logs.close();
      }
    };
    const archive = config.ARCHIVE === "" ? undefined : openArchive(config.ARCHIVE, logs.facts.epoch);
    return { logs, warehouse, archive, reached, journal, close };
  } catch (error) {
    await logs.close();
    throw error;
  }
};
