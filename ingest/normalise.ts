/** The one validation behind every format: what a sensor, a timestamp, an id, a box, an attribute may be. */
import type { Instant } from "../domain/envelope.ts";
import type { Box, DetectedObject, Info } from "../domain/event.ts";
import { idFlaw } from "../domain/id-flaw.ts";
import type { Limits } from "../domain/limits.ts";
import { instantOf } from "../domain/timestamp.ts";

/** Why a frame was refused; also the `reason` label of `tallywire_rejected_total`. */
export type Reason = "syntax" | "shape" | "sensor" | "timestamp" | "ahead" | "box" | "object" | "too-many-objects" | "too-many-sensors";

/** `field` is a path into the frame, e.g. `objects[3].bbox`; "" for the frame as a whole. */
export type Rejection = { readonly reason: Reason; readonly field: string; readonly detail: string };

/** A frame as observed, before it has a tenant and an arrival. `id` is "" where none was given. */
export type Observed = {
  readonly sensorId: string;
  readonly timestamp: Instant;
  readonly id: string;
  readonly modelVersion: string | undefined;
  readonly objects: readonly DetectedObject[];
};

/** `sensorOf`: whose frame it is, where that is not what its `sensorId` says. */
export type Context = {
  readonly now: Instant;
  readonly limits: Limits;
  readonly sensorOf?: (frame: { readonly [name: string]: unknown }) => string | Rejection;
};

export const reject = (reason: Reason, field: string, detail: string): Rejection => ({ reason, field, detail });

export const isRejection = (answer: object): answer is Rejection => "reason" in answer;

export const rejectionText = (rejection: Rejection): string =>
  rejection.field === "" ? rejection.detail : `${rejection.field}: ${rejection.detail}`;

/** What a value is called in an answer to its sender. */
export const named = (value: unknown): string =>
  value === null
    ? "null"
    : value === undefined
      ? "missing"
      : Array.isArray(value)
        ? "an array"
        : typeof value === "object"
          ? "an object"
          : `a ${typeof value}`;

/** `undefined`: fine. Also what a camera id may be wherever one comes from outside. */
export const sensorProblem = (value: unknown, limits: Pick<Limits, "idLength">): string | undefined =>
  typeof value === "string" ? idFlaw(value, limits.idLength) : `must be text, but is ${named(value)}`;

export const sensorAt = (value: unknown, field: string, limits: Pick<Limits, "idLength">): string | Rejection => {
  const problem = sensorProblem(value, limits);
  return problem === undefined ? (value as string) : reject("sensor", field, problem);
};

/** Before 1970 is refused: it is a clock that was never set. */
export const timestampOf = (value: unknown, field: string, { now, limits }: Context): Instant | Rejection => {
  if (typeof value !== "string") return reject("timestamp", field, `must be RFC 3339 text with a zone, but is ${named(value)}`);
  const at = instantOf(value);
  if (typeof at === "string") return reject("timestamp", field, at);
  if (at < 0) return reject("timestamp", field, "is before 1970");
  return aheadOf(at, field, now, limits) ?? at;
};

export const aheadOf = (at: Instant, field: string, now: Instant, limits: Limits): Rejection | undefined =>
  at > now + limits.aheadMs
    ? reject("ahead", field, `is ${at - now} ms ahead of its arrival (${limits.aheadMs} ms are allowed)`)
    : undefined;

/** Trackers write -1 into an unsigned 64-bit field where they track nothing. */
export const MINUS_ONE_UNSIGNED = "18446744073709551615";
const NEGATIVE = /^-\d+$/;

/** A confirmed track's id, or "" for an object that has none. */
export const trackOf = (value: unknown, field: string, limits: Limits): string | Rejection => {
  if (typeof value === "string") {
    if (value.length > limits.idLength) return reject("object", field, `is longer than ${limits.idLength} characters`);
    if (value === MINUS_ONE_UNSIGNED || (value.charCodeAt(0) === 45 && NEGATIVE.test(value))) return "";
    return value;
  }
  if (value === undefined || value === null) return "";
  if (typeof value === "number" && Number.isInteger(value)) return value < 0 ? "" : digits(value);
  return reject("object", field, `must be text or an integer, but is ${named(value)}`);
};

/** The frame's own id; "" where it has none. */
export const frameIdOf = (value: unknown, limits: Limits): string | Rejection => {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" && Number.isInteger(value)) return digits(value);
  if (typeof value !== "string") return reject("shape", "id", `must be text or an integer, but is ${named(value)}`);
  return value.length > limits.idLength ? reject("shape", "id", `is longer than ${limits.idLength} characters`) : value;
};

/** `1e21` is an integer too: its digits, not its exponent. */
const digits = (value: number): string => (Number.isSafeInteger(value) ? String(value) : BigInt(value).toString());

export const typeOf = (value: unknown, field: string, limits: Limits): string | Rejection => {
  if (typeof value !== "string") return reject("object", field, `must be text, but is ${named(value)}`);
  if (value.length === 0) return reject("object", field, "must not be empty");
  return value.length > limits.idLength ? reject("object", field, `is longer than ${limits.idLength} characters`) : value;
};

/** Pixels. Far beyond any picture; within it no product of coordinates loses its finiteness. */
const FARTHEST = 1_000_000_000;

/** An inverted or non-finite box is refused, one without area is not. `+ 0` turns a negative zero into zero. */
export const boxOf = (left: unknown, top: unknown, right: unknown, bottom: unknown, field: string): Box | Rejection => {
  if (typeof left !== "number" || typeof top !== "number" || typeof right !== "number" || typeof bottom !== "number") {
    return reject("box", field, "leftX, topY, rightX and bottomY must be numbers");
  }
  if (left >= -FARTHEST && top >= -FARTHEST && left <= right && top <= bottom && right <= FARTHEST && bottom <= FARTHEST) {
    return { leftX: left + 0, topY: top + 0, rightX: right + 0, bottomY: bottom + 0 };
  }
  if (!Number.isFinite(left) || !Number.isFinite(top) || !Number.isFinite(right) || !Number.isFinite(bottom)) {
    return reject("box", field, "is not finite");
  }
  if (left > right) return reject("box", field, `is inverted: leftX ${left} is right of rightX ${right}`);
  if (top > bottom) return reject("box", field, `is inverted: topY ${top} is below bottomY ${bottom}`);
  return reject("box", field, `lies beyond ${FARTHEST} px`);
};

/** Missing, or negative as detectors without one write it: unknown. */
export const confidenceOf = (value: unknown, field: string): number | undefined | Rejection => {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number") return reject("object", field, `must be a number, but is ${named(value)}`);
  if (!Number.isFinite(value)) return reject("object", field, "is not finite");
  return value < 0 ? undefined : value;
};

/** Attributes from a JSON object: own names only, `__proto__` is a name like another. Numbers and booleans are taken as text. */
export const infoOf = (value: unknown, field: string, limits: Limits): Info | undefined | Rejection => {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) return reject("object", field, `must be an object, but is ${named(value)}`);
  return pairsOf(Object.entries(value), field, limits);
};

export const pairsOf = (entries: readonly (readonly [string, unknown])[], field: string, limits: Limits): Info | undefined | Rejection => {
  if (entries.length > limits.attributesPerObject) return reject("object", field, `has more than ${limits.attributesPerObject} attributes`);
  const pairs: [string, string][] = [];
  for (const [name, value] of entries) {
    if (value === null || value === undefined) continue;
    if (typeof value === "object") return reject("object", `${field}.${name}`, `must be text, but is ${named(value)}`);
    const text = String(value);
    if (name.length > limits.idLength) return reject("object", field, `has a name longer than ${limits.idLength} characters`);
    if (text.length > limits.textLength) return reject("object", `${field}.${name}`, `is longer than ${limits.textLength} characters`);
    pairs.push([name, text]);
  }
  return pairs.length === 0 ? undefined : pairs;
};

/** The path of the first text that holds half a surrogate pair. Only a JSON escape can bring one in: asked where there was one. */
export const illFormed = (frame: Observed): string | undefined => {
  if (!frame.id.isWellFormed()) return "id";
  if (frame.modelVersion !== undefined && !frame.modelVersion.isWellFormed()) return "modelVersion";
  for (const [index, object] of frame.objects.entries()) {
    if (!object.id.isWellFormed()) return `objects[${index}].id`;
    if (!object.type.isWellFormed()) return `objects[${index}].type`;
    for (const [name, value] of object.info ?? []) if (!name.isWellFormed() || !value.isWellFormed()) return `objects[${index}].info`;
  }
  return undefined;
};
