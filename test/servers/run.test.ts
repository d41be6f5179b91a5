import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { TestProject } from "vitest/node";
import { isAlive } from "../support/process.ts";
import { canStartKafka } from "./for-tests.ts";
import around, { type Answer } from "./run.ts";

describe("a run of the tests", () => {
  afterEach(() => void vi.unstubAllEnvs());

  /** Goes through a run in which these servers are asked for; what it says last, and the answers. */
  const run = async (asked: readonly (readonly [server: string, suite: string])[]) => {
    let door = "";
    const fakeProject = {
      provide: (_: string, url: string) => {
        door = url;
      },
    };
    const end = await around(fakeProject as unknown as TestProject);
    const answers: Answer[] = [];
    for (const [server, suite] of asked)
      answers.push((await (await fetch(door, { method: "POST", body: JSON.stringify({ server, suite }) })).json()) as Answer);
    const said: string[] = [];
    const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => said.push(String(text)) > 0);
    await end();
    spy.mockRestore();
    return { answers, said: said.join("") };
  };

  it("says last which suites could not run and why, each reason once", async () => {
    for (const [name, value] of Object.entries({ PATH: "", KAFKA_URL: "", KURRENTDB_URL: "", CLICKHOUSE_URL: "", CI: "" }))
      vi.stubEnv(name, value);
    const { answers, said } = await run([
      ["kafka", "the log on Kafka"],
      ["kurrentdb", "the store on KurrentDB"],
      ["kafka", "membership"],
      ["clickhouse", "the warehouse on a server"],
      ["kafka of one's own", "outages"],
      ["chromium", "films in a browser"],
    ]);
    expect(answers.every((answer) => "missing" in answer)).toBe(true);
    expect(said).toBe(
      [
        "Left out, no Kafka: KAFKA_URL is not set, and there is no `java` on the path:",
        "  - the log on Kafka",
        "  - membership",
        "Left out, no real KurrentDB: KURRENTDB_URL is not set:",
        "  - the store on KurrentDB",
        "Left out, no ClickHouse server: CLICKHOUSE_URL is not set:",
        "  - the warehouse on a server",
        "Left out, no Kafka: there is no `java` on the path:",
        "  - outages",
        "Left out, no Chromium: there is no `chromium` on the path:",
        "  - films in a browser\n",
      ].join("\n"),
    );
  });

  it("fails under CI where there is no Kafka or no browser, and does not where there is no other server", async () => {
    for (const [name, value] of Object.entries({ PATH: "", KAFKA_URL: "", KURRENTDB_URL: "", CI: "true" })) vi.stubEnv(name, value);
    const { answers } = await run([
      ["kafka", "the log"],
      ["kafka of one's own", "outages"],
      ["chromium", "films"],
      ["kurrentdb", "the store"],
    ]);
    expect(answers.map((answer) => Object.keys(answer)[0])).toEqual(["failed", "failed", "failed", "missing"]);
  });

  it("takes the servers it is given", async () => {
    vi.stubEnv("KAFKA_URL", "kafka://elsewhere:9092/");
    vi.stubEnv("CLICKHOUSE_URL", "http://u:p@elsewhere:8123/tests");
    const { answers, said } = await run([
      ["kafka", "the log"],
      ["clickhouse", "the warehouse"],
    ]);
    expect(answers).toEqual([{ url: "kafka://elsewhere:9092" }, { url: "http://u:p@elsewhere:8123/tests" }]);
    expect(said).toBe("");
  });
});

describe.skipIf(!(await canStartKafka("a Kafka that ends with who started it")))("a Kafka for tests", () => {
  it("ends with the process that started it, however that ends, and leaves no folder", { timeout: 120_000 }, async () => {
    const script = `
      import { startKafka } from ${JSON.stringify(fileURLToPath(new URL("kafka.ts", import.meta.url)))};
      const kafka = await startKafka({ heapMb: 256 });
      console.log(JSON.stringify([kafka.pid(), kafka.dataDir]));
    `;
    const owner = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const [said] = (await once(owner.stdout, "data")) as [Buffer];
    const [pid, folder] = JSON.parse(said.toString()) as [number, string];
    expect([isAlive(pid), existsSync(folder)]).toEqual([true, true]);
    owner.kill("SIGKILL");
    await expect.poll(() => [isAlive(pid), existsSync(folder)], { timeout: 20_000 }).toEqual([false, false]);
  });
});
