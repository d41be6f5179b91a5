import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { openJournal } from "../../adapters/journal-pino.ts";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import { openLmdbLogs } from "../../adapters/log-lmdb.ts";
import { openMemoryLogs } from "../../adapters/log-memory.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
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

const kafka = await kafkaForTests("the logs in Kafka");
describe.skipIf(kafka === undefined)("on a real broker", () => {
  logSuite(
    "the logs in Kafka",
    async () => {
      const place = { url: `${kafka}/suite-${randomUUID()}`, journal: openJournal("silent") };
      return { open: (limits) => connectKafkaLogs({ ...place, partitions: 4, ...limits }), remove: async () => {} };
    },
    { acknowledgedFirst: "a broker shows a record to readers once it is durable, which may be before its writer has the answer" },
  );
});
