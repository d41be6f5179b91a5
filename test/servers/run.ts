/** Around a whole run of the tests: keeps the servers its suites share, ends them, and says last which suites could not run and why. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { TestProject } from "vitest/node";
import { whyNoChromium } from "./chromium.ts";
import { whyNoKafka } from "./kafka/jars.ts";
import { type RunningKafka, startKafka } from "./kafka.ts";
import { whyNoCamera, whyNoFfmpeg } from "./rtsp-camera.ts";

export type Server = "kafka" | "kafka of one's own" | "kurrentdb" | "clickhouse" | "ffmpeg" | "camera" | "chromium";
/** `missing`: the suite is left out; `failed`: it cannot be. */
export type Answer = { readonly url: string } | { readonly missing: string } | { readonly failed: string };

declare module "vitest" {
  interface ProvidedContext {
    /** Where the workers ask for servers. */
    servers: string;
  }
}

const set = (name: string): string | undefined => process.env[name] || undefined;

export default async (project: TestProject): Promise<() => Promise<void>> => {
  let ours: Promise<RunningKafka> | undefined;
  const leftOut = new Map<string, Set<string>>();

  const without = async (what: string, given: string, why: () => Promise<string | undefined>): Promise<Answer | undefined> => {
    const reason = await why();
    if (reason === undefined) return undefined;
    const missing = `no ${what}: ${given}${reason}`;
    return set("CI") === "true" ? { failed: `${missing}. Under CI=true the suites that need it must run.` } : { missing };
  };
  const kafka = async (): Promise<Answer> => {
    const given = set("KAFKA_URL");
    if (given !== undefined) return { url: given.replace(/\/+$/, "") };
    const missing = await without("Kafka", "KAFKA_URL is not set, and ", whyNoKafka);
    if (missing !== undefined) return missing;
    ours ??= startKafka();
    return ours.then(
      ({ url }) => ({ url }),
      (error: Error) => ({ failed: error.message }),
    );
  };
  const given = (name: string, what: string): Answer => {
    const url = set(name);
    return url === undefined ? { missing: `no ${what}: ${name} is not set` } : { url };
  };
  const answers: Readonly<Record<Server, () => Answer | Promise<Answer>>> = {
    kafka,
    "kafka of one's own": async () => (await without("Kafka", "", whyNoKafka)) ?? { url: "" },
    kurrentdb: () => given("KURRENTDB_URL", "real KurrentDB"),
    clickhouse: () => given("CLICKHOUSE_URL", "ClickHouse server"),
    ffmpeg: async () => (await without("ffmpeg", "", whyNoFfmpeg)) ?? { url: "" },
    camera: async () => (await without("camera", "", whyNoFfmpeg)) ?? (await without("camera", "", whyNoCamera)) ?? { url: "" },
    chromium: async () => (await without("Chromium", "", whyNoChromium)) ?? { url: "" },
  };

  const asked = async (request: IncomingMessage): Promise<Answer> => {
    const { server, suite } = JSON.parse(await text(request)) as { server: Server; suite: string };
    const given = await answers[server]();
    if ("missing" in given) leftOut.set(given.missing, (leftOut.get(given.missing) ?? new Set()).add(suite));
    return given;
  };
  const door = createServer((request, response) => {
    asked(request).then(
      (given) => response.end(JSON.stringify(given)),
      (error: Error) => response.end(JSON.stringify({ failed: error.message } satisfies Answer)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  project.provide("servers", `http://127.0.0.1:${(door.address() as AddressInfo).port}`);

  return async () => {
    door.close();
    door.closeAllConnections();
    // One that did not start has been told of already, and has ended.
    const started = await ours?.catch(() => undefined);
    await started?.stop();
    for (const [reason, suites] of leftOut)
      process.stdout.write(`Left out, ${reason}:\n${[...suites].map((suite) => `  - ${suite}\n`).join("")}`);
  };
};
