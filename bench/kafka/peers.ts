/**
 * The peers' own runner builds them and makes the input; their Kafka Streams then runs on the broker of this bench. Without the folder
 * (or Java, or Maven) there is no such row, and the input is made here.
 */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { walkers } from "../walkers.ts";

const run = promisify(execFile);

export type Streams = {
  readonly peer: string;
  readonly objectsPerSec: number;
  readonly min: number;
  readonly max: number;
  readonly passes: number;
  readonly rssMb: number;
};
export type StreamsKind = { readonly store: "mem" | "rocksdb"; readonly threads: number };

export type Peers = {
  /** NDJSON, 100 sensors in turn, 20 objects a frame. */
  readonly input: string;
  /** Undefined where there are none. */
  readonly streams:
    | undefined
    | { load(broker: string): Promise<void>; run(broker: string, brokerPid: number, kind: StreamsKind): Promise<Streams> };
};

const own = (work: string, frames: number): string => {
  const input = join(work, `walkers-${frames}.ndjson`);
  if (!existsSync(input))
    writeFileSync(
      input,
      walkers(frames)
        .map((frame) => `${JSON.stringify(frame)}\n`)
        .join(""),
    );
  return input;
};

/** `folder` holds `run.sh`, which takes ONLY, FRAMES and PEERS_WORK; told to run none of them it builds, makes the input and finds nothing to compare. */
export const preparePeers = (folder: string, work: string, frames: number): Peers => {
  mkdirSync(work, { recursive: true });
  const runner = join(folder, "run.sh");
  if (!existsSync(runner)) return { input: own(work, frames), streams: undefined };
  const classes = join(work, "target", "classes");
  const input = join(work, `frames-${frames}.ndjson`);
  if (!existsSync(classes) || !existsSync(input)) {
    try {
      execFileSync("bash", [runner], { env: { ...process.env, ONLY: "none", FRAMES: String(frames), PEERS_WORK: work }, stdio: "ignore" });
    } catch (cause) {
      if (!existsSync(classes) || !existsSync(input))
        throw new Error(`the peers in ${folder} could not be built: see ${join(work, "log.txt")}`, { cause });
    }
  }
  const java = ["-Xmx1g", "-cp", `${classes}:${join(work, "lib")}/*`, "peers.KafkaStreamsPeer"];
  return {
    input,
    streams: {
      load: async (broker) => void (await run("java", [...java, "load", input, broker])),
      run: async (broker, brokerPid, { store, threads }) => {
        const { stdout } = await run("java", [...java, "e2e", broker, store, String(threads), work, String(brokerPid)]);
        const line = stdout.split("\n").find((text) => text.startsWith("{"));
        if (line === undefined) throw new Error(`Kafka Streams said nothing: ${stdout}`);
        return JSON.parse(line) as Streams;
      },
    },
  };
};
