/**
 * The verdict on an installation after its disturbances: what is committed must be what one undisturbed run gives over the same
 * facts, event by event; what the API answers must be what it answers over an undisturbed run; what was acknowledged must be there.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { factCodec } from "../../../adapters/codec.ts";
import { openLmdbLogs } from "../../../adapters/log-lmdb.ts";
import { keyText } from "../../../domain/envelope.ts";
import type { Alert, Derived, Fact } from "../../../domain/event.ts";
import { partitionOf } from "../../../domain/ids.ts";
import { startServer } from "../../../examples/server.ts";
import { client } from "../client.ts";
import { type Answers, answersOf, differences } from "./answers.ts";
import { compare, undisturbed } from "./derivation.ts";
import type { Installation } from "./installation.ts";
import { insist, oneInEach } from "./load.ts";
import { foreignClient, readTopic } from "./topics.ts";

export type Figures = Readonly<Record<string, number | string>>;
export type Verdict = { readonly faults: readonly string[]; readonly figures: Figures };

/** The name of a figure: what was written and never became true. */
export const ABORTED = "derived events in aborted transactions";

const RULE_TYPES = ["flowrate", "increment", "notify", "occupancy", "occupancy_threshold_switch"];
const DERIVED_KINDS = ["alert", "coverage", "crossing", "presence"];
/** Nothing was written to the log for so long: no timer is pending any more, no heartbeat will come. */
const QUIET_MS = 5000;
const QUIET_WITHIN_MS = 120_000;

/** What stands in the log, as somebody else reads it. */
type Read = { readonly facts: readonly (readonly Fact[])[]; readonly derived: readonly (readonly Derived[])[]; readonly aborted: number };

/** Stops the installation's processes: somebody else reads the log after them. */
export const judge = (installation: Installation, say: (line: string) => void): Promise<Verdict> =>
  verdict(installation, say).catch(async (error) => {
    for (const line of await installation.nodes.state()) say(line);
    throw error;
  });

const verdict = async (installation: Installation, say: (line: string) => void): Promise<Verdict> => {
  const { house, engines, subscriber, broker, prefix, nodes, wanted } = installation;
  const cameras = [...installation.cameras, ...installation.prober.cameras];
  const faults: string[] = [];
  const expect = (what: string, is: unknown, should: unknown): void => {
    if (JSON.stringify(is) !== JSON.stringify(should)) faults.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(should)}`);
  };
  say(`${installation.acknowledged()} frames acknowledged; waiting until nothing is written any more`);
  await quiet(broker, [`${prefix}.facts`, `${prefix}.derived`]);
  const marks = await mark(house.url, wanted.partitions);
  const answers = new Map<string, Answers>();
  for (const { sensorId } of cameras)
    answers.set(sensorId, await answersOf(house.url, sensorId, marks[partitionOf("default", sensorId, wanted.partitions)] as string));
  const raised = [...answers.values()].reduce((sum, { alerts }) => sum + alerts.length, 0);
  await subscriber.until(() => subscriber.received.size >= raised);
  subscriber.close();
  for (const node of [...engines, house]) {
    if (!node.running) continue;
    const code = await node.stop();
    if (code !== 0) faults.push(`${node.name} ends with ${code} where it is to end cleanly: ${node.last.join(" / ")}`);
  }

  say("reading what is committed, as somebody else");
  const read = await readLog(broker, prefix);
  const distinct = framesOf(read.facts);
  for (const { sensorId, acknowledged } of cameras)
    expect(`frames of ${sensorId} in the log`, distinct.get(sensorId)?.size ?? 0, acknowledged);
  for (const [partition, facts] of read.facts.entries()) {
    const { lost, doubled, strange, first } = compare(read.derived[partition] ?? [], undisturbed(facts));
    if (first !== undefined) faults.push(`partition ${partition}: ${lost} lost, ${doubled} twice, ${strange} strange; ${first}`);
  }
  const derived = read.derived.flat();
  const alerts = derived.filter((event): event is Alert => event.kind === "alert");
  const ids = new Set(alerts.map(({ id }) => id));
  expect("types of rules that raised alerts", [...new Set(alerts.map(({ ruleType }) => ruleType))].sort(), RULE_TYPES);
  expect("kinds of what was derived", [...new Set(derived.map(({ kind }) => kind))].sort(), DERIVED_KINDS);
  expect("alerts the subscriber has", subscriber.received.size, ids.size);
  expect("revisions the subscriber got twice", subscriber.doubled, []);
  expect("gaps the subscriber was told of", subscriber.gaps, 0);
  expect("lines that speak of a defect", nodes.fatal, []);
  const facts = read.facts.flat();
  const beats = facts.filter(({ kind }) => kind === "heartbeat").length;
  if (wanted.live > 0 && beats === 0) faults.push("no heartbeat was written: this run shows nothing of live cameras");

  say("the same facts, to a server nobody disturbs");
  faults.push(...(await compareAnswers(installation, read.facts, answers)));
  const frames = facts.filter(({ kind }) => kind === "frame").length;
  return {
    faults,
    figures: {
      "frames acknowledged": installation.acknowledged(),
      "frames written more than once": frames - [...distinct.values()].reduce((sum, { size }) => sum + size, 0),
      heartbeats: beats,
      "derived events": derived.length,
      [ABORTED]: read.aborted,
      alerts: ids.size,
      "revisions of alerts": alerts.length,
    },
  };
};

/** Waits until the ends of the topics have stood still for a while. Throws when they do not. */
const quiet = async (broker: string, topics: readonly string[]): Promise<void> => {
  const admin = foreignClient(broker).admin();
  await admin.connect();
  try {
    let [last, since] = ["", performance.now()];
    for (const begin = performance.now(); performance.now() - since < QUIET_MS; await sleep(250)) {
      const ends = JSON.stringify(await Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic))));
      if (ends !== last) [last, since] = [ends, performance.now()];
      if (performance.now() - begin > QUIET_WITHIN_MS) throw new Error("the log does not come to rest");
    }
  } finally {
    await admin.disconnect();
  }
};

/** One last frame in each partition, of a camera of its own: what stands before it is in the answers that ask for it. */
const mark = (url: string, partitions: number): Promise<readonly string[]> =>
  Promise.all(
    oneInEach(partitions, "mark").map(async (sensorId) => {
      const frame = { sensorId, timestamp: "2026-01-01T00:00:00Z", id: "1", objects: [] };
      return String((await insist(() => client(url)("POST", "/frames", [frame]))).position);
    }),
  );

const readLog = async (broker: string, prefix: string): Promise<Read> => {
  const codec = factCodec();
  const facts = await readTopic(broker, `${prefix}.facts`, "committed");
  const committed = await readTopic(broker, `${prefix}.derived`, "committed");
  const everything = await readTopic(broker, `${prefix}.derived`, "everything");
  return {
    facts: facts.map((records) => records.flatMap(({ value }) => codec.unpack(value))),
    derived: committed.map((records) => records.map(({ value }) => JSON.parse(String(value)) as Derived)),
    aborted: everything.flat().length - committed.flat().length,
  };
};

/** The names of all frames in the log, by camera. */
const framesOf = (facts: readonly (readonly Fact[])[]): ReadonlyMap<string, ReadonlySet<string>> => {
  const names = new Map<string, Set<string>>();
  for (const fact of facts.flat()) {
    if (fact.kind !== "frame") continue;
    const known = names.get(fact.camera) ?? new Set();
    names.set(fact.camera, known.add(keyText(String(fact.timestamp), fact.id)));
  }
  return names;
};

/** A server of its own over the embedded log, with the same facts and the same decisions. */
const compareAnswers = async (
  { house, wanted: { partitions } }: Installation,
  facts: Read["facts"],
  answers: ReadonlyMap<string, Answers>,
): Promise<readonly string[]> => {
  const data = await mkdtemp(join(tmpdir(), "tallywire-calm-"));
  try {
    const logs = await openLmdbLogs({ dir: join(data, "log"), partitions });
    for (const part of facts) for (let at = 0; at < part.length; at += 5000) await logs.facts.append(part.slice(at, at + 5000));
    await logs.close();
    await cp(join(house.data, "store"), join(data, "store"), { recursive: true });
    const calm = await startServer({ data, env: { TALLYWIRE_PARTITIONS: String(partitions) } });
    try {
      const marks = await mark(calm.url, partitions);
      const wrong: string[] = [];
      for (const [sensorId, is] of answers) {
        const should = await answersOf(calm.url, sensorId, marks[partitionOf("default", sensorId, partitions)] as string);
        wrong.push(...differences(sensorId, is, should));
      }
      return wrong;
    } finally {
      await calm.stop();
    }
  } finally {
    await rm(data, { recursive: true, force: true });
  }
};
