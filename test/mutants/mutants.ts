/** Realistic faults of one line each. The suite must notice every one: `find` stands exactly once in `file`. */
export type Mutant = {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** The test files that must notice. */
  readonly tests: readonly string[];
};

const LAWS = ["test/laws/oracle.test.ts"];
/** Where there is Kafka; without it these cannot be noticed. */
const OWNERS = ["test/adapters/log-kafka.test.ts"];

export const mutants: readonly Mutant[] = [
  {
    name: "an anchor exactly on the wire is on p2's side",
    file: "domain/geometry.ts",
    find: "return wire.towards === 1 ? off > 0 : off < 0;",
    replace: "return wire.towards === 1 ? off >= 0 : off <= 0;",
    tests: LAWS,
  },
  {
    name: "a side is confirmed one frame early",
    file: "domain/rules/crossing.ts",
    find: "track.others < watch.minFrames",
    replace: "track.others < watch.minFrames - 1",
    tests: LAWS,
  },
  {
    name: "walking round the end of a wire is a crossing",
    file: "domain/rules/crossing.ts",
    find: "  if (met.some(Number.isNaN)) return undefined;\n",
    replace: "",
    tests: LAWS,
  },
  {
    name: "leaving a region takes one frame more than entering it",
    file: "domain/rules/presence.ts",
    find: "if (track.run < area.minFrames) return undefined;",
    replace: "if (track.run < area.minFrames + (track.present ? 1 : 0)) return undefined;",
    tests: LAWS,
  },
  {
    name: "what is gained outside, before having left, is lost",
    file: "domain/rules/presence.ts",
    find: "(isIn || track.run + 1 < minFrames) && object.info",
    replace: "isIn && object.info",
    tests: ["test/laws/found.test.ts"],
  },
  {
    name: "an equal timestamp is late",
    file: "domain/rules/sensor-time.ts",
    find: "frame.timestamp < time.until) return onLate",
    replace: "frame.timestamp <= time.until) return onLate",
    tests: LAWS,
  },
  {
    name: "a camera state told twice ends stays twice",
    file: "domain/rules/sensor-time.ts",
    find: "at === fact.at && state === fact.state",
    replace: "at === fact.at && state !== fact.state",
    tests: ["test/laws/batches.test.ts"],
  },
  {
    name: "held frames are forgotten when memory is saved",
    file: "domain/rules/sensor-time.ts",
    find: "time.held.map(saveFrame),",
    replace: "[],",
    tests: ["test/laws/memory.test.ts"],
  },
  {
    name: "an increment does not start again from zero",
    file: "domain/rules/increment.ts",
    find: "    rounds.delete(direction);\n",
    replace: "",
    tests: LAWS,
  },
  {
    name: "a dip of exactly the gap interrupts",
    file: "domain/rules/occupancy.ts",
    find: "run.dip + gap + 1",
    replace: "run.dip + gap",
    tests: LAWS,
  },
  {
    name: "a flow rate is told again and again while it lasts",
    file: "domain/rules/flowrate.ts",
    find: "    state.armed = false;\n",
    replace: "",
    tests: LAWS,
  },
  {
    name: "a switch has no band",
    file: "domain/rules/threshold-switch.ts",
    find: "present.size <= rule.countThreshold - rule.band",
    replace: "present.size <= rule.countThreshold",
    tests: LAWS,
  },
  {
    name: "an attribute is told of at every notice",
    file: "domain/rules/notify.ts",
    find: "if (attribute !== undefined) told.add(object.id);",
    replace: "",
    tests: ["test/domain/notify.test.ts"],
  },
  {
    name: "the ordinal of an alert never grows",
    file: "domain/rules/alerting.ts",
    find: "starts.set(pair, ordinal + 1);",
    replace: "starts.set(pair, ordinal);",
    tests: LAWS,
  },
  {
    name: "a cooldown outlives a clock set back",
    file: "domain/rules/alerting.ts",
    find: 'if (input.kind === "ended" && input.reason === "clock_reset") state.cooling.clear();',
    replace: "",
    tests: [...LAWS, "test/domain/alerting.test.ts"],
  },
  {
    name: "a definition that comes twice is a defect",
    file: "analytics/engine.ts",
    find: "if (fact.revision <= one.definition.revision) return;",
    replace: "if (fact.revision < one.definition.revision) return;",
    tests: ["test/laws/batches.test.ts"],
  },
  {
    name: "a rule starts afresh when memory is restored",
    file: "analytics/memory.ts",
    find: "    rule.state = known;\n",
    replace: "",
    tests: ["test/laws/memory.test.ts"],
  },
  {
    name: "leavings are heard after entries where several places tell",
    file: "domain/rules/place.ts",
    find: 'found.kind === "noticed" ? 2 : found.change === "entered" ? 1 : 0;',
    replace: 'found.kind === "noticed" ? 2 : found.change === "entered" ? 0 : 1;',
    tests: ["test/histories/histories.test.ts"],
  },
  {
    name: "an owner whose partition was taken may still commit",
    file: "adapters/ownership.ts",
    find: "      fenced = true;\n",
    replace: "",
    tests: ["test/conformance/log.test.ts"],
  },
  {
    name: "a frame is a repeat of one whose append may still fail",
    file: "ingest/remembered.ts",
    find: "found === appending;",
    replace: "found !== undefined;",
    tests: ["test/ingest/receive.test.ts"],
  },
  {
    name: "a plain socket is sent revisions too",
    file: "api/emdx/socket.ts",
    find: "revisions: false,",
    replace: "revisions: true,",
    tests: ["test/surfaces"],
  },
  {
    name: "a rule that begins is blind to who is present",
    file: "analytics/engine.ts",
    find: "place.machine.present?.(place.state, ended) ?? []",
    replace: "[]",
    tests: [...LAWS, "test/domain/present.test.ts"],
  },
  {
    name: "the timer of a rule that begins waits for another's",
    file: "analytics/engine.ts",
    find: "    one.nextDue = Math.min(one.nextDue, rule.due);\n",
    replace: "",
    tests: ["test/domain/present.test.ts"],
  },
  {
    name: "an alert names an object of an increment as first counted",
    file: "domain/rules/increment.ts",
    find: "    round.objects.set(object.id, copyOf(object));",
    replace: "    if (!round.objects.has(object.id)) round.objects.set(object.id, copyOf(object));",
    tests: ["test/domain/increment.test.ts"],
  },
  {
    name: "a saved form is believed without a look",
    file: "domain/machine.ts",
    find: "JSON.stringify(save(state)) === JSON.stringify(saved) ? state : undefined",
    replace: "state",
    tests: ["test/analytics/restore.test.ts"],
  },
  {
    name: "a base newer than the checkpoint is gone on from",
    file: "analytics/restore.ts",
    find: " && base.position <= to",
    replace: "",
    tests: ["test/analytics/restore.test.ts"],
  },
  {
    name: "a heartbeat is written again and again until the engine comes to it",
    file: "analytics/heartbeats.ts",
    find: "    if (written.get(name) === reason) continue;\n",
    replace: "",
    tests: ["test/analytics/heartbeats.test.ts"],
  },
  {
    name: "a driver that failed leaves its feed waiting",
    file: "analytics/drive.ts",
    find: "    ending.stop();\n",
    replace: "",
    tests: ["test/analytics/drive.test.ts"],
  },
  {
    name: "a bounded read ends at what is decided, short of what was acknowledged",
    file: "adapters/log-kafka/feed.ts",
    find: "Math.min(to ?? Number.POSITIVE_INFINITY, high * EVENTS_PER_RECORD)",
    replace: "Math.min(to ?? Number.POSITIVE_INFINITY, stable * EVENTS_PER_RECORD)",
    tests: OWNERS,
  },
  {
    name: "an owner whose commit had no answer commits on without asking what became of it",
    file: "adapters/log-kafka/tenure.ts",
    find: "      await this.#dropProducer();\n      throw fenced",
    replace: "      throw fenced",
    tests: OWNERS,
  },
  {
    name: "a new owner does not read the memory that was flushed while it read",
    file: "adapters/log-kafka/tenure.ts",
    find: "        for await (const record of upTo(ofMemory, stable, mark)) memory.add(record);\n",
    replace: "",
    tests: OWNERS,
  },
  {
    name: "a new owner does not read the position that was committed while it read",
    file: "adapters/log-kafka/tenure.ts",
    find: "progress = progressOf(this.#parts, partition, record) ?? progress;",
    replace: "progressOf(this.#parts, partition, record);",
    tests: OWNERS,
  },
  {
    name: "chunks of a greater memory outlive it",
    file: "adapters/log-kafka/chunks.ts",
    find: "  for (let part = parts; part < before; part++) records.push(tombstone(part));\n",
    replace: "",
    tests: OWNERS,
  },
];
