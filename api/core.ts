/** What every surface presents: the one Core, joined in compose.ts. No surface touches a port. */
import type { Camera, CameraCommand } from "../domain/camera.ts";
import type { Refusal } from "../domain/decider.ts";
import type { Incoming, NotReceived, Reached, Received } from "../domain/door.ts";
import type { CameraKey, Instant } from "../domain/envelope.ts";
import type { Alert, CameraState } from "../domain/event.ts";
import type { Jobs } from "../domain/job.ts";
import type { Limits } from "../domain/limits.ts";
import type { Clock, Journal, Meter, Position } from "../domain/ports.ts";
import type { AuditPage, Changed, Registry } from "../domain/registry.ts";
import type { FactReplay } from "../domain/replay.ts";
import type { Role } from "../domain/roles.ts";
import type { Video } from "../domain/video.ts";
import type { Questions } from "../projections/questions.ts";

export type { Incoming, NotReceived, Reached, Received, Rejected } from "../domain/door.ts";

export type { Changed } from "../domain/registry.ts";

/** An alert as it stands in the derived log. */
export type Delivered = { readonly alert: Alert; readonly partition: number; readonly position: Position };

/** `kind`: what it is of; the part is its name. `roles`: those of this process that work with it. */
export type Readiness = {
  readonly kind: "log" | "warehouse" | "camera" | "jobs" | "video";
  readonly part: string;
  readonly roles: readonly Role[];
  readonly ready: boolean;
  readonly detail: string;
};

/** From where a tail goes on: one position a partition of the derived log. */
export type Tail = readonly Position[];

export interface Core {
  /** What this process does. Without `ingest` nothing is received, without `api` the rest below is not served either. */
  readonly roles: readonly Role[];
  readonly limits: Limits;
  readonly journal: Journal;
  readonly meter: Meter;
  now(): Instant;

  receive(tenant: string, incoming: Incoming): Promise<Received | NotReceived>;
  receiveState(key: CameraKey, state: Pick<CameraState, "at" | "state" | "change" | "reason" | "picture">): Promise<Reached | NotReceived>;

  /** The camera as decided so far; one never heard of is the initial camera. */
  camera(key: CameraKey): Promise<Camera>;
  /** Resolves when the definition is durable in the camera's partition. `by`: who wants it. */
  change(key: CameraKey, command: CameraCommand, by?: string): Promise<Changed | Refusal>;
  readonly registry: Registry;
  /** Who changed what. */
  readonly audit: AuditPage;

  /** Resolves when what was written there can be read: `alerts` for what follows from facts (and the facts), `frames` for the facts alone. False when `limits.afterMs` passed first. */
  settled(reached: Reached, what: "alerts" | "frames"): Promise<boolean>;
  /** Resolves when all that stands before this tail can be asked for. False when `limits.afterMs` passed first. */
  told(tail: Tail): Promise<boolean>;
  /** When the fact at this position of the camera's partition arrived. `elsewhere`: nothing is said of that partition; `gone`: it is not in the log. */
  arrivalOf(key: CameraKey, reached: Reached): Promise<Instant | "elsewhere" | "gone">;
  readonly ask: Questions;
  readonly video: Video;
  /** Whatever kind a route is about: backtests, recomputations and the like, of all processes. */
  readonly jobs: Jobs;

  /** The logs' epoch, a secret: cursors are sealed with it, and one of another epoch is a gap. */
  readonly epoch: string;
  /** The oldest position kept in each partition of the derived log. */
  tailStart(): Promise<Tail>;
  /** The end of each partition of the derived log, as any process would see it: a cursor from another may be ahead of this one's tail. */
  tailEnd(): Promise<Tail>;
  /** Every alert committed from now on, in batches, in order per partition; `at` is the tail after the batch. Returns the tail it starts from, and an end. */
  tail(onBatch: (batch: readonly Delivered[], at: Tail) => void): { readonly at: Tail; stop(): void };
  /** Alerts of the derived log in [from, to), in order per partition; batch by batch as it is read, empty ones too. */
  between(from: Tail, to: Tail): AsyncIterable<readonly Delivered[]>;

  /** Where in each partition of the derived log that begins which follows from facts that arrived then or later; its end where there is none. */
  tailAt(at: Instant): Promise<Tail>;
  /** Facts of a camera sent again. */
  readonly facts: FactReplay;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. */
  sleep: Clock["sleep"];
  /** Of one who works for long: awaited after each piece, it leaves the live path its part. */
  createPause(): () => Promise<void>;

  ready(): Promise<readonly Readiness[]>;
  /** The Prometheus exposition text. */
  metrics(): Promise<string>;
}
