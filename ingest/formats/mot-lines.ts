/**
 * Frames as MOT text, which mot.ts reads back: the same instants, and at each the same objects with their ids, types, boxes, confidences and
 * visibility (of a right or lower edge the last bit of 53 may be another). What MOT has no place for is left out: frames without objects, the frames' own ids, model versions, other attributes. What it
 * would say wrongly is refused.
 */
import type { Instant } from "../../domain/envelope.ts";
import type { Box, DetectedObject, Frame } from "../../domain/event.ts";
import { type FrameClock, instantOfFrame } from "./frame-clock.ts";
import { CLASSES, isClassless, motTrack, motVisibility } from "./mot.ts";

type Clocked = Pick<FrameClock, "fps" | "start">;
type Fault = { readonly fault: string };
const isFault = (found: object): found is Fault => "fault" in found;

const named = (timestamp: Instant): string => `The frame of ${new Date(timestamp).toISOString()}`;

/** Counted from 1; undefined where no number means this instant. */
const numberOf = (timestamp: Instant, clock: Clocked): number | undefined => {
  const guess = Math.round(((timestamp - clock.start) * clock.fps) / 1000);
  const index = [guess, guess - 1, guess + 1].find((one) => one >= 0 && instantOfFrame({ ...clock, sensorId: "" }, one) === timestamp);
  return index !== undefined && Number.isSafeInteger(index + 1) ? index + 1 : undefined;
};

const bits = new DataView(new ArrayBuffer(8));
/** The double after a positive one, or before it. */
const beside = (value: number, step: 1n | -1n): number => {
  bits.setFloat64(0, value);
  bits.setBigInt64(0, bits.getBigInt64(0) + step);
  return bits.getFloat64(0);
};

/**
 * A width that, added to the left, gives the right again to the last bit. Where there is none (the sum would have to be rounded to an odd last
 * bit, half of the way from either) it gives the number beside.
 */
const widthOf = (from: number, to: number): number => {
  const width = to - from;
  if (from + width === to) return width;
  return [beside(width, 1n), beside(width, -1n)].find((one) => one >= 0 && from + one === to) ?? width;
};

const sizeOf = ({ leftX, topY, rightX, bottomY }: Box): readonly [number, number] => [widthOf(leftX, rightX), widthOf(topY, bottomY)];

const lineOf = (number: number, object: DetectedObject): string | Fault => {
  const track = motTrack(object.id);
  if (track === undefined) return { fault: `has an object of the id ${object.id}, and MOT has whole numbers only` };
  const { bbox, confidence, type, info } = object;
  return [
    number,
    track,
    bbox.leftX,
    bbox.topY,
    ...sizeOf(bbox),
    confidence ?? -1,
    CLASSES.indexOf(type) + 1 || -1,
    motVisibility(info),
  ].join(",");
};

/** The lines of one frame, none for one without objects. */
const linesOf = (frame: Frame, clock: Clocked): readonly string[] | Fault => {
  const number = numberOf(frame.timestamp, clock);
  if (number === undefined) return { fault: `stands between two frames of ${clock.fps} a second` };
  const lines = frame.objects.map((object) => lineOf(number, object));
  return lines.find((line) => typeof line === "object") ?? (lines as string[]);
};

/** What is remembered from frame to frame. A repeat is left out; so is a frame that came late, as the live rules left it out, and it is counted. */
export class MotWriter {
  readonly #fps: number;
  #start: Instant | undefined;
  #type: string | undefined;
  #last: Frame | undefined;
  #late = 0;

  /** `start`: the instant of the frame 1; undefined for that of the first frame. */
  constructor(fps: number, start: Instant | undefined) {
    this.#fps = fps;
    this.#start = start;
  }

  get start(): Instant | undefined {
    return this.#start;
  }

  /** Frames left out since they came late: MOT is read in the order of time. */
  get late(): number {
    return this.#late;
  }

  /** Of objects that have none of MOT's classes. */
  get type(): string | undefined {
    return this.#type;
  }

  /** Text whose lines have their ends. */
  write(frame: Frame): string | { readonly notMot: string } {
    const last = this.#last;
    if (last !== undefined && (frame.timestamp < last.timestamp || (frame.timestamp === last.timestamp && frame.id === last.id))) {
      if (frame.timestamp < last.timestamp) this.#late++;
      return "";
    }
    this.#start ??= frame.timestamp;
    const about = named(frame.timestamp);
    if (last?.timestamp === frame.timestamp)
      return { notMot: `${about} stands beside another of the same instant; MOT would make one of them.` };
    this.#last = frame;
    const other = this.#otherType(frame);
    if (other !== undefined)
      return { notMot: `${about} has objects of the type ${other}, others of ${this.#type}; MOT has classes for neither.` };
    const lines = linesOf(frame, { fps: this.#fps, start: this.#start });
    if (isFault(lines)) return { notMot: `${about} ${lines.fault}.` };
    return lines.map((line) => `${line}\n`).join("");
  }

  #otherType({ objects }: Frame): string | undefined {
    for (const { type } of objects) {
      if (!isClassless(type)) continue;
      this.#type ??= type;
      if (type !== this.#type) return type;
    }
    return undefined;
  }
}
