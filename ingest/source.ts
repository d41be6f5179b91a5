/**
 * Records of a topic of others into the facts log, as bodies come in at the door: nothing is behind us before it is durable.
 *
 *   take -> source-record.ts -> receiver.take, receiver.receiveState -> log.append -> how many are done
 *
 * What the log does not take at the moment is tried until it does, however long that is. What nothing can be made of is told of and left behind.
 */
import type { Limits } from "../domain/limits.ts";
import type { Clock, ForeignRecord, Journal, Meter, RefusedRecord, Stop, Take, Taken } from "../domain/ports.ts";
import { createSeldom, type Seldom } from "../domain/seldom.ts";
import type { Line } from "./body.ts";
import type { CameraEvent } from "./formats/vst-event.ts";
import { isRejection, type Observed, type Rejection, rejectionText } from "./normalise.ts";
import type { Receiver } from "./receive.ts";
import { isNotReceived, type NotReceived } from "./received.ts";
import { createReadRecord, type ReadRecord } from "./source-record.ts";
import type { Reading } from "./source-settings.ts";

export type SourceWorld = {
  readonly receiver: Pick<Receiver, "take" | "receiveState">;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly meter: Meter;
};

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 2000;
/** Lines about records that were refused, in so long a time: a topic of nothing else must not fill the journal. */
const LINES = 10;
const LINES_MS = 60_000;
/** Milliseconds between two lines about a log that takes nothing. */
const SAY_MS = 60_000;

/** `line` of a `Line` here is the record's index. */
type Gathered = { readonly lines: Line[]; bytes: number };
type Answer = "stopped" | NotReceived | undefined;

/** What of a topic is the same from batch to batch. */
class Intake {
  readonly reading: Reading;
  readonly world: SourceWorld;
  readonly read: ReadRecord;
  readonly #refusing: Seldom;
  readonly #waiting: Seldom;

  constructor(reading: Reading, world: SourceWorld) {
    this.reading = reading;
    this.world = world;
    this.read = createReadRecord(reading, world.limits);
    this.#refusing = createSeldom(world.clock, LINES, LINES_MS);
    this.#waiting = createSeldom(world.clock, 1, SAY_MS);
  }

  /** Until it is taken, refused for good, or the end: busy and unavailable pass. */
  async persist(attempt: () => Promise<object>, stop: Stop): Promise<Answer> {
    const { clock, journal } = this.world;
    const { topic } = this.reading;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      if (stop.aborted) return "stopped";
      const answer = await attempt();
      if (!isNotReceived(answer)) return undefined;
      if (answer.problem !== "busy" && answer.problem !== "unavailable") return answer;
      this.#waiting((more) => journal.warn({ topic, detail: answer.detail, more }, "a source waits: nothing is taken in at the moment"));
      await clock.sleep(pause, stop);
    }
  }

  tell({ record: { partition, offset }, reason, detail }: RefusedRecord): void {
    const { topic } = this.reading;
    this.world.meter.count("tallywire_source_refused_total", 1, { topic, reason });
    this.#refusing((more) =>
      this.world.journal.warn({ topic, partition, offset, reason, detail, more }, "a record could not be taken in and is left behind"),
    );
  }
}

/** Consecutive records on their way in: frames are gathered and go in as bodies do. */
class Taking {
  readonly #intake: Intake;
  readonly #records: readonly ForeignRecord[];
  readonly #stop: Stop;
  readonly #refused: RefusedRecord[] = [];
  /** By the record's index. One record is told of once, by its first fault. */
  readonly #faults = new Map<number, RefusedRecord>();
  #rejected: string[] = [];
  #gathered: Gathered = { lines: [], bytes: 0 };
  #done = 0;

  constructor(intake: Intake, records: readonly ForeignRecord[], stop: Stop) {
    this.#intake = intake;
    this.#records = records;
    this.#stop = stop;
  }

  async run(): Promise<Taken> {
    for (const [index, record] of this.#records.entries()) if (!(await this.#take(index, record))) break;
    if (!this.#stop.aborted) await this.#flush(this.#records.length);
    return { done: this.#done, refused: this.#refused };
  }

  /** False when stopped, as everything below that is told so. */
  async #take(index: number, record: ForeignRecord): Promise<boolean> {
    const { limits, clock } = this.#intake.world;
    const size = record.value?.length ?? 0;
    const { bytes } = this.#gathered;
    if (bytes > 0 && bytes + size > limits.bodyBytes && !(await this.#flush(index))) return false;
    const told = this.#intake.read(record, clock.now());
    if ("event" in told) return this.#takeEvent(index, told.event);
    if ("frames" in told) return this.#gather(index, told.frames, size);
    this.#fault(index, told.unreadable.reason, told.unreadable.detail);
    return true;
  }

  async #takeEvent(index: number, { camera, ...state }: CameraEvent): Promise<boolean> {
    // The camera's frames before it are durable before it: order is the log's.
    if (!(await this.#flush(index))) return false;
    const { reading, world } = this.#intake;
    const said = () => world.receiver.receiveState({ tenant: reading.tenant, camera }, { ...state, reason: undefined });
    const answer = await this.#intake.persist(said, this.#stop);
    if (answer === "stopped") return false;
    if (answer !== undefined) this.#fault(index, answer.problem, answer.detail);
    this.#settle(index + 1);
    return true;
  }

  async #gather(index: number, frames: readonly (Observed | Rejection)[], size: number): Promise<boolean> {
    const { framesPerBody } = this.#intake.world.limits;
    const { length } = this.#gathered.lines;
    if (length > 0 && length + frames.length > framesPerBody && !(await this.#flush(index))) return false;
    for (const [i, frame] of frames.entries()) {
      if (!isRejection(frame)) this.#gathered.lines.push({ line: index, frame });
      else {
        this.#rejected.push(frame.reason);
        this.#fault(index, frame.reason, `${frames.length > 1 ? `frame ${i + 1}: ` : ""}${rejectionText(frame)}`);
      }
    }
    this.#gathered.bytes += size;
    return true;
  }

  /** What is gathered goes in: everything before `next` is behind us then. */
  async #flush(next: number): Promise<boolean> {
    const { lines, bytes } = this.#gathered;
    this.#gathered = { lines: [], bytes: 0 };
    if (!(await this.#takeFrames(lines, bytes))) return false;
    this.#settle(next);
    return true;
  }

  /** What is too large together goes in by halves. */
  async #takeFrames(lines: readonly Line[], bytes: number): Promise<boolean> {
    const [first, ...others] = lines;
    if (first === undefined) return true;
    const { reading, world } = this.#intake;
    const answer = await this.#intake.persist(() => world.receiver.take(reading.tenant, lines, bytes), this.#stop);
    if (answer === "stopped") return false;
    if (answer === undefined) return true;
    if (others.length === 0) {
      this.#fault(first.line, answer.problem, answer.detail);
      return true;
    }
    const half = Math.ceil(lines.length / 2);
    const ofHalf = Math.ceil(bytes / 2);
    return (await this.#takeFrames(lines.slice(0, half), ofHalf)) && (await this.#takeFrames(lines.slice(half), ofHalf));
  }

  #fault(index: number, reason: string, detail: string): void {
    if (!this.#faults.has(index)) this.#faults.set(index, { record: this.#records[index] as ForeignRecord, reason, detail });
  }

  /** Everything before `next` is durable or refused. */
  #settle(next: number): void {
    const { world, reading } = this.#intake;
    const { meter } = world;
    for (const one of this.#faults.values()) {
      this.#refused.push(one);
      this.#intake.tell(one);
    }
    this.#faults.clear();
    for (const reason of this.#rejected) meter.count("tallywire_rejected_total", 1, { tenant: reading.tenant, reason });
    this.#rejected = [];
    meter.count("tallywire_source_records_total", next - this.#done, { topic: reading.topic });
    this.#done = next;
  }
}

export const createTake = (reading: Reading, world: SourceWorld): Take => {
  const intake = new Intake(reading, world);
  return (records, stop) => new Taking(intake, records, stop).run();
};
