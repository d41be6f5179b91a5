import { defineConfig } from "vitest/config";

/** Two cores: two workers. Suites that own a server or a process say so with longer timeouts of their own. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/servers/run.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: process.env.CI === "true" ? ["default", "json"] : ["default"],
    outputFile: { json: ".types/test-report.json" },
  },
});
