import { defineConfig } from "vitest/config";

/** Suites that look at cameras in time: beside others they would see how busy the machine is. */
const films = [
  "test/servers/rtsp-camera.test.ts",
  "test/e2e/video*.test.ts",
  "test/video/playbacks-real.test.ts",
  "test/adapters/{media,ffmpeg}*.test.ts",
  "test/conformance/media*.test.ts",
];

/** Two cores: two workers; those that look at cameras one after the other, when the rest is done. Suites that own a server or a process say so with longer timeouts of their own. */
export default defineConfig({
  test: {
    globalSetup: ["test/servers/run.ts"],
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What is waited for comes; a second is not always enough for it.
    expect: { poll: { timeout: 15_000 } },
    reporters: process.env.CI === "true" ? ["default", "json"] : ["default"],
    outputFile: { json: ".types/test-report.json" },
    projects: [
      { extends: true, test: { name: "all", include: ["test/**/*.test.ts"], exclude: films, maxWorkers: 2, sequence: { groupOrder: 0 } } },
      // Cameras, ffmpeg and browsers keep real time; what was late once is asked again, and what is wrong stays wrong.
      { extends: true, test: { name: "films", include: films, maxWorkers: 1, retry: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
