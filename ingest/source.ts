/**
 * Records of a topic of others into the facts log, as bodies come in at the door: nothing is behind us before it is durable.
 *
 *   take -> source-record.ts -> receiver.take, receiver.receiveState -> log.append -> how many are done
 *
 * What the log does not take at the moment is tried until it does, however long that is. What nothing can be made of is told of and left behind.
 */
import type { Limits } from "../domain/limits.ts";
import type { Clock, ForeignRecord, Journal, Meter, RefusedRecord, Stop, Take } from "../domain/ports.ts";
import { createSeldom } from "../domain/seldom.ts";
import type { Line } from "./body.ts";
import { isRejection, rejectionText } from "./normalise.ts";
import type { Receiver } from "./receive.ts";
import { isNotReceived, type NotReceived } from "./received.ts";
import { createReadRecord } from "./source-record.ts";
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
type Gathered = { readonly lines: readonly Line[]; readonly bytes: number };
type Answer = "stopped" | NotReceived | undefined;

export const createTake = (reading: Reading, { receiver, limits, clock, journal, meter }: SourceWorld): Take => {
  const { topic, tenant } = reading;
  const read = createReadRecord(reading, limits);
  const refusing = createSeldom(clock, LINES, LINES_MS);
  const waiting = createSeldom(clock, 1, SAY_MS);

  /** Until it is taken, refused for good, or the end: busy and unavailable pass. */
  const persist = async (attempt: () => Promise<object>, stop: Stop): Promise<Answer> => {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      if (stop.aborted) return "stopped";
      const answer = await attempt();
      if (!isNotReceived(answer)) return undefined;
      if (answer.problem !== "busy" && answer.problem !== "unavailable") return answer;
      waiting((more) => journal.warn({ topic, detail: answer.detail, more }, "a source waits: nothing is taken in at the moment"));
      await clock.sleep(pause, stop);
    }
  };

  const tell = (refused: RefusedRecord): void => {
    const { record, reason, detail } = refused;
    const { partition, offset } = record;
    meter.count("tallywire_source_refused_total", 1, { topic, reason });
    refusing((more) =>
      journal.warn({ topic, partition, offset, reason, detail, more }, "a record could not be taken in and is left behind"),
    );
  };

  return async (records, stop) => {
    const refused: RefusedRecord[] = [];
    const faults = new Map<number, RefusedRecord>();
    let rejected: string[] = [];
    const record = (index: number): ForeignRecord => records[index] as ForeignRecord;
    /** One record is told of once, by its first fault. */
    const fault = (index: number, reason: string, detail: string): void => {
      if (!faults.has(index)) faults.set(index, { record: record(index), reason, detail });
    };
    let done = 0;
    /** Everything before `next` is durable or refused. */
    const settle = (next: number): void => {
      for (const one of faults.values()) {
        refused.push(one);
        tell(one);
      }
      faults.clear();
      for (const reason of rejected) meter.count("tallywire_rejected_total", 1, { reason });
      rejected = [];
      meter.count("tallywire_source_records_total", next - done, { topic });
      done = next;
    };

    /** What is too large together goes in by halves. */
    const takeFrames = async ({ lines, bytes }: Gathered): Promise<boolean> => {
      if (lines.length === 0) return true;
      const answer = await persist(() => receiver.take(tenant, lines, bytes), stop);
      if (answer === undefined) return true;
      if (answer === "stopped") return false;
      if (lines.length === 1) {
        fault((lines[0] as Line).line, answer.problem, answer.detail);
        return true;
      }
      const half = Math.ceil(lines.length / 2);
      return (
        (await takeFrames({ lines: lines.slice(0, half), bytes: Math.ceil(bytes / 2) })) &&
        (await takeFrames({ lines: lines.slice(half), bytes: Math.ceil(bytes / 2) }))
      );
    };

    let lines: Line[] = [];
    let bytes = 0;
    const flush = async (next: number): Promise<boolean> => {
      const gathered = { lines, bytes };
      lines = [];
      bytes = 0;
      if (!(await takeFrames(gathered))) return false;
      settle(next);
      return true;
    };

    for (let index = 0; index < records.length; index++) {
      const one = record(index);
      const size = one.value?.length ?? 0;
      if (bytes > 0 && bytes + size > limits.bodyBytes && !(await flush(index))) break;
      const told = read(one, clock.now());
      if ("unreadable" in told) fault(index, told.unreadable.reason, told.unreadable.detail);
      else if ("event" in told) {
        // The camera's frames before it are durable before it: order is the log's.
        if (!(await flush(index))) break;
        const { camera, ...state } = told.event;
        const answer = await persist(() => receiver.receiveState({ tenant, camera }, { ...state, reason: undefined }), stop);
        if (answer === "stopped") break;
        if (answer !== undefined) fault(index, answer.problem, answer.detail);
        settle(index + 1);
      } else {
        if (lines.length > 0 && lines.length + told.frames.length > limits.framesPerBody && !(await flush(index))) break;
        for (const [i, frame] of told.frames.entries()) {
          if (!isRejection(frame)) lines.push({ line: index, frame });
          else {
            rejected.push(frame.reason);
            fault(index, frame.reason, `${told.frames.length > 1 ? `frame ${i + 1}: ` : ""}${rejectionText(frame)}`);
          }
        }
        bytes += size;
      }
    }
    if (!stop.aborted) await flush(records.length);
    return { done, refused };
  };
};
