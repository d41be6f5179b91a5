import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "vitest";
import { openKurrentStore } from "../../adapters/store-kurrent.ts";
import { openLmdbStore } from "../../adapters/store-lmdb.ts";
import { openMemoryStore } from "../../adapters/store-memory.ts";
import { startFakeKurrentDb } from "../servers/fake-kurrentdb.ts";
import { kurrentdbForTests } from "../servers/for-tests.ts";
import { silent } from "../support/frames.ts";
import { storeSuite } from "./store.suite.ts";

storeSuite("the store in memory", async () => ({ open: async () => openMemoryStore(), remove: async () => {} }), {
  survivesReopening: "memory ends with the process, by its nature",
});

storeSuite("the store in LMDB", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tallywire-store-"));
  return { open: () => openLmdbStore({ dir }), remove: async () => rmSync(dir, { recursive: true }) };
});

storeSuite("the store in KurrentDB, a fake one", async () => {
  const fake = await startFakeKurrentDb();
  return { open: () => openKurrentStore({ url: fake.url, journal: silent }), remove: () => fake.stop() };
});

const real = await kurrentdbForTests("the store in KurrentDB, a real one");
describe.skipIf(real === undefined)("with a server", () => {
  storeSuite("the store in KurrentDB, a real one", async () => {
    const url = `${real}${real?.includes("?") ? "&" : "?"}streamPrefix=test${randomUUID().replaceAll("-", "")}`;
    return { open: () => openKurrentStore({ url, journal: silent }), remove: async () => {} };
  });
});
