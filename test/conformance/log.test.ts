import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { logSuite } from "./log.suite.ts";

logSuite(
  "the logs in memory",
  async () => ({ open: async (limits) => openMemoryLogs({ partitions: 4, ...limits }), remove: async () => {} }),
  { survivesReopening: "memory ends with the process, by its nature" },
);

logSuite("the logs in LMDB", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-log-"));
  return { open: (limits) => openLmdbLogs({ dir, partitions: 4, ...limits }), remove: async () => rmSync(dir, { recursive: true }) };
});
