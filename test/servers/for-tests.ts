/**
 * The servers a run of the tests shares. A suite asks for one at the head of its file and skips itself where there is none:
 *
 *   const kafka = await kafkaForTests("the log on Kafka");
 *   describe.skipIf(kafka === undefined)("the log on Kafka", …)   // `${kafka}/${uniquePrefix}` is a log's URL
 *
 * Kafka: KAFKA_URL where set (`kafka://host:port`, no prefix), else one broker of ours for the whole run, started when first asked for.
 * A suite that needs a broker of its own asks `canStartKafka` instead, which starts none.
 * ffmpeg, and a real RTSP camera (rtsp-camera.ts): a suite asks whether it can start them, and starts its own.
 * Chromium (chromium.ts): likewise.
 * KurrentDB and ClickHouse: KURRENTDB_URL and CLICKHOUSE_URL. What could not run and why stands in the run's last lines (run.ts).
 * Under CI=true a missing Kafka, ffmpeg, camera or Chromium throws.
 */
import { inject } from "vitest";
import type { Answer, Server } from "./run.ts";

const serverFor = async (server: Server, suite: string): Promise<string | undefined> => {
  const response = await fetch(inject("servers"), { method: "POST", body: JSON.stringify({ server, suite }) });
  const answer = (await response.json()) as Answer;
  if ("failed" in answer) throw new Error(answer.failed);
  return "url" in answer ? answer.url : undefined;
};

export const kafkaForTests = (suite: string): Promise<string | undefined> => serverFor("kafka", suite);
/** Whether a suite can start a broker of its own (startKafka): to kill it, or to have it otherwise. */
export const canStartKafka = async (suite: string): Promise<boolean> => (await serverFor("kafka of one's own", suite)) !== undefined;
export const kurrentdbForTests = (suite: string): Promise<string | undefined> => serverFor("kurrentdb", suite);
export const clickhouseForTests = (suite: string): Promise<string | undefined> => serverFor("clickhouse", suite);
/** Whether there is ffmpeg, which the faulty camera (faulty-rtsp.ts) makes its film with, too. */
export const canStartFfmpeg = async (suite: string): Promise<boolean> => (await serverFor("ffmpeg", suite)) !== undefined;
/** Whether a suite can start a real camera (startCamera) and look at it through ffmpeg. */
export const canStartCamera = async (suite: string): Promise<boolean> => (await serverFor("camera", suite)) !== undefined;
/** Whether a suite can start a browser (startChromium). */
export const canStartChromium = async (suite: string): Promise<boolean> => (await serverFor("chromium", suite)) !== undefined;
