/** One port, one suite, every adapter: which suite, and of which ports there is none, with the reason. */
import { expect, it } from "vitest";
import { read, tracked } from "../house/sources.ts";

const suites: Readonly<Record<string, string>> = {
  Logs: "log.suite.ts",
  Log: "log.suite.ts",
  Owned: "log.suite.ts",
  EventStore: "store.suite.ts",
  Warehouse: "warehouse.suite.ts",
  Media: "media.suite.ts",
};

const ALONE = "has one adapter, and no second is foreseen: a suite would be that adapter's test under another name";
const exempt: Readonly<Record<string, { readonly why: string; readonly adapter: string; readonly tests: readonly string[] }>> = {
  Vault: { why: ALONE, adapter: "adapters/vault.ts", tests: ["test/adapters/vault.test.ts"] },
  CameraNetwork: { why: ALONE, adapter: "adapters/camera-network.ts", tests: ["test/adapters/camera-network.test.ts"] },
  TokenKeys: {
    why: `${ALONE}; a secret, a file and a URL are sources of the one`,
    adapter: "adapters/token-keys.ts",
    tests: ["test/adapters/token-keys.test.ts", "test/adapters/key-files.test.ts"],
  },
  Source: {
    why: `${ALONE}: each further source would bring its own way to be behind a record, and a suite with it`,
    adapter: "adapters/source-kafka.ts",
    tests: ["test/adapters/source-kafka.test.ts", "test/adapters/source-kafka-outage.test.ts"],
  },
  Archive: { why: ALONE, adapter: "adapters/archive-files.ts", tests: ["test/adapters/archive-files.test.ts"] },
  Clock: { why: ALONE, adapter: "adapters/clock.ts", tests: ["test/adapters/clock.test.ts"] },
  Meter: { why: ALONE, adapter: "adapters/meter-prometheus.ts", tests: ["test/e2e/main-job.test.ts"] },
  Journal: { why: ALONE, adapter: "adapters/journal-pino.ts", tests: ["test/e2e/trouble.test.ts"] },
};
/** The platform's, written down since the core has no DOM types. */
const platform = ["Stop"];

it("every port has a suite, or a reason why it has none and a test of its one adapter", () => {
  const ports = [...read("domain/ports.ts").matchAll(/^export interface (\w+)/gm)].map(([, name]) => name as string);
  expect([...Object.keys(suites), ...Object.keys(exempt), ...platform].sort()).toEqual([...ports].sort());
  for (const [port, suite] of Object.entries(suites)) expect(read(`test/conformance/${suite}`)).toMatch(new RegExp(`\\b${port}\\b`));
  for (const { adapter, tests } of Object.values(exempt)) expect(tracked()).toEqual(expect.arrayContaining([adapter, ...tests]));
});
