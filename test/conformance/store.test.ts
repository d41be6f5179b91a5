import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { storeSuite } from "./store.suite.ts";

storeSuite("the store in memory", async () => ({ open: async () => openMemoryStore(), remove: async () => {} }), {
  survivesReopening: "memory ends with the process, by its nature",
});

storeSuite("the store in LMDB", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-store-"));
  return { open: () => openLmdbStore({ dir }), remove: async () => rmSync(dir, { recursive: true }) };
});
