/** What the core asks of the world: interfaces only. One suite a port in test/conformance, run on every adapter; test/conformance/ports.test.ts says which have none, and why. */
import type { CameraKey, Instant, Json } from "./envelope.ts";
import type { Derived, Fact } from "./event.ts";
import type {
  ArchiveStream,
  Clip,
  LiveStream,
  LiveWish,
  MediaEvent,
  MediaFile,
  NotRecorded,
  PictureSize,
  RecordedSegment,
  StreamState,
} from "./media.ts";
import type { Counter, Gauge, Histogram, Labels } from "./metrics.ts";
import type { TokenKey } from "./token-keys.ts";
import type { Place } from "./video.ts";

/** The part of an AbortSignal the core needs; it has no DOM types. */
export interface Stop {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { readonly once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/**
 * A place in a partition: record * 65,536 + index in the record's block. Positions of a partition grow.
 * The position after an event is the next event's or a smaller one: `read` from it goes on without loss.
 */
export type Position = number;
export const EVENTS_PER_RECORD = 65_536;

/**
 * Consecutive events of one partition; none where a log holds something between events that is none (a transaction's end).
 * `next` is where reading goes on; it may be beyond the last event's position.
 */
export type Batch<E> = {
  readonly partition: number;
  readonly events: readonly E[];
  readonly positions: readonly Position[];
  readonly next: Position;
};

/** Pull-based. Ends by itself when bounded, by `return()` (leaving a `for await`) otherwise. */
export type Feed<E> = AsyncIterable<Batch<E>>;

/** `arrivedAt`: the first event that arrived then or later. */
export type From = Position | "start" | "end" | { readonly arrivedAt: Instant };

export interface Log<E extends Fact | Derived> {
  /**
   * A name that changes when the log is made anew: positions of another epoch mean nothing here.
   * Random, at least 122 bits, and told no client: what clients are given of positions is sealed with it.
   */
  readonly epoch: string;
  readonly partitions: number;
  /** Resolves when all are durable, with a position for each. Events of one camera keep their order. */
  append(events: readonly E[]): Promise<readonly Position[]>;
  /** Without `follow` it ends at `to` (exclusive) or at what was the end. With it, it waits for more; `signal` ends the waiting. */
  read(partition: number, from: From, how?: { readonly to?: Position; readonly follow?: boolean; readonly signal?: Stop }): Feed<E>;
  /** The oldest kept position and the position after the newest event. */
  bounds(partition: number): Promise<{ readonly start: Position; readonly end: Position }>;
}

/** A camera's memory as saved: opaque to adapters. `undefined`: there is none any more. */
export type Saved = { readonly tenant: string; readonly camera: string; readonly memory: Json | undefined };

/** A camera's memory with the definitions in force at a position: where a bounded replay starts. */
export type Base = CameraKey & { readonly at: Instant; readonly partition: number; readonly position: Position; readonly memory: Json };

export interface Owned {
  readonly partition: number;
  /** Resolves when another took the partition. */
  readonly lost: Promise<void>;
  /** `at`: the checkpoint's position; `next`: the committed one, at or after it. */
  restore(): Promise<{ readonly memory: readonly Saved[]; readonly at: Position; readonly next: Position }>;
  /** Derived events and the position in one transaction, with what was touched since the last checkpoint where given. Throws AdapterError `fenced`. */
  commit(work: { readonly out: readonly Derived[]; readonly next: Position; readonly checkpoint?: readonly Saved[] }): Promise<void>;
}

/** A partition somebody works at without committing to the log: a projector. Nobody else has it until `lost`. */
export type Share = { readonly partition: number /** Resolves when another is given the partition. */; readonly lost: Promise<void> };

export type Release = () => Promise<void>;

export interface Logs {
  readonly facts: Log<Fact>;
  readonly derived: Log<Derived>;
  /** Calls `own` for every partition this process is given, now and later; fences the owner before. Releasing waits for `own` to return. */
  claim(own: (owned: Owned) => Promise<void>): Promise<Release>;
  /**
   * Divides the partitions among all who share under one name, in this process and in others. Calls `work` for every partition this
   * one is given, now and later. Nothing is fenced: who may have been replaced without knowing must do no harm. Releasing waits for `work` to return.
   */
  share(name: string, work: (share: Share) => Promise<void>): Promise<Release>;
  /** `facts`: the engine has committed up to here; `derived`: the derived log's end, read after it. */
  progress(partition: number): Promise<{ readonly facts: Position; readonly derived: Position }>;
  putBase(base: Base): Promise<void>;
  /** The newest base of the camera whose `at` is not after this instant of arrival. */
  baseBefore(camera: CameraKey, at: Instant): Promise<Base | undefined>;
  /** Drops facts that arrived before the instant, or the oldest beyond the size, but never what a base, a checkpoint or `keepFrom` still needs. Says how many records went. */
  retain(policy: { readonly arrivedBefore: Instant; readonly maxBytes: number; readonly keepFrom: readonly Position[] }): Promise<number>;
  close(): Promise<void>;
}

/** Facts kept outside the log, by camera and day of arrival, beyond what the log keeps. Positions are those they have, or had, in the log. */
export interface Archive {
  /** Up to where a partition's facts are here; undefined where none are. */
  upTo(partition: number): Promise<Position | undefined>;
  /**
   * Takes in what the log holds of a partition from where it is on, at most up to `to`: whole days (UTC) of arrival that ended before
   * `arrivedBefore`, each durable by itself, with the bases of its cameras. Ends early when stopped. Says how many facts came.
   */
  take(
    logs: Pick<Logs, "facts" | "baseBefore">,
    partition: number,
    how: { readonly to: Position; readonly arrivedBefore: Instant; readonly pause: () => Promise<void>; readonly stop: Stop },
  ): Promise<number>;
  /** The camera's facts in [from, to), each once, in the order of the log. */
  read(camera: CameraKey, from: Position, to: Position): Feed<Fact>;
  /** The newest base of the camera at or before the position, of those kept beside its facts. */
  baseBefore(camera: CameraKey, position: Position): Promise<Base | undefined>;
}

/** How many events the stream has: 0 for one that does not exist. */
export type Revision = number;
export type Expected = Revision | "any";

/** A decision to be stored. `id` is a UUID: the same id again is the same event. `by`: whoever wanted it, where that is known. */
export type Decision = { readonly id: string; readonly type: string; readonly data: Json; readonly at: Instant; readonly by?: string };
export type Decided = Decision & { readonly stream: string /** Counts from 1. */; readonly revision: Revision };
export type StoreBatch = { readonly events: readonly Decided[]; readonly next: Position };

export interface EventStore {
  /** Throws AdapterError `wrong-revision` when the stream is elsewhere, unless these very ids already stand there. */
  append(stream: string, expected: Expected, events: readonly Decision[]): Promise<Revision>;
  /** What was decided after the revision, all of it without one; no more than `most`, the oldest, where that is given. */
  read(stream: string, after?: Revision, most?: number): Promise<readonly Decided[]>;
  /** How many events the stream has, without reading them. */
  head(stream: string): Promise<Revision>;
  /** All streams in the order of commitment, from a position on, without end until `signal`. */
  follow(from: Position, signal?: Stop): AsyncIterable<StoreBatch>;
  /** A reader's own position, kept beside the streams; 0 where none was kept. */
  bookmark(name: string): Promise<Position>;
  setBookmark(name: string, at: Position): Promise<void>;
  close(): Promise<void>;
}

/** Values of a typed placeholder `{name:Type}`. Instants go as epoch milliseconds; see the adapter. */
export type Param = string | number | boolean | readonly string[] | readonly number[];
export type Row = { readonly [column: string]: Json };

export interface Warehouse {
  define(ddl: readonly string[]): Promise<void>;
  /** The same token again inserts nothing again. */
  insert(table: string, rows: readonly Row[], token: string): Promise<void>;
  select<R>(sql: string, params: Readonly<Record<string, Param>>): Promise<readonly R[]>;
  /** Names of tables that lost a part (detached, broken) and must be rebuilt. */
  damaged(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Keeps a text secret wherever it is stored. `about` says whose it is (a tenant's camera): a sealed text opens with the same `about` only,
 * so that it cannot be moved to another.
 */
export interface Vault {
  /** Undefined where there is no key to seal with. */
  seal(text: string, about: string): string | undefined;
  /** Whether it was sealed with the key that seals now. */
  isCurrent(sealed: string): boolean;
  /** For whoever connects to a camera. Throws AdapterError `corrupt` for what no key of ours opens. */
  open(sealed: string, about: string): string;
}

/** Why a camera's address may not be connected to: in words for who named it, nothing of the inside in them. */
export type Unreachable = { readonly unreachable: string };

/**
 * Where cameras may be: asked before an address is kept. Whoever connects to a camera asks again before each connection, since names may
 * come to mean another, and connects to the addresses that were answered and to no other.
 */
export interface CameraNetwork {
  /** `url` is rtsp or rtsps, `whose` the tenant that asks. The addresses its host stands for now, all of them allowed. */
  addresses(url: string, whose: string): Promise<readonly string[] | Unreachable>;
}

/** The keys that tokens are verified with, wherever they come from. */
export interface TokenKeys {
  /** Those in use now; another array only where one is gone or new. Undefined while none could be had, or not for too long. */
  current(): readonly TokenKey[] | undefined;
  /** Looks where they come from, unless that was done a moment ago. `current` tells what came of it; rejects with a defect only. */
  look(): Promise<void>;
  /** What a listener throws is a defect. */
  onChanged(listener: () => void): void;
  /** Looking by itself: ends when closed, rejects with a defect. */
  readonly done: Promise<void>;
  /** Ends looking. */
  close(): void;
}

/** Films of cameras. What is refused throws AdapterError: `full` (retryable) beyond a limit, `bad-query`, `closed`. */
export interface Media {
  /** A share of the film of this camera, size and sound: the first one begins it, all others have the same. */
  live(wish: LiveWish): LiveStream;
  /**
   * Undefined where nothing was recorded in [from, to). Where more pieces were recorded than a playlist may have (limit archiveSegments)
   * it ends with the last of these, and so do its `pieces`. Another size than the recording's, and one without its sound, is made of each
   * piece when it is asked for. Rejects with AdapterError `bad-query` for a size that is none.
   */
  archive(
    camera: CameraKey,
    from: Instant,
    to: Instant,
    how?: PictureSize & { readonly audio: boolean },
  ): Promise<ArchiveStream | undefined>;
  /** In which hour's playlist an instant stands, and how many seconds of it are before. */
  place(camera: CameraKey, at: Instant): Promise<Place | NotRecorded>;
  /** One hour of it. `uriOf` names a file of it (`1763730000000-2000-0a1b2c3d.m4s`) as players are to ask for it. Undefined where nothing was recorded. */
  hour(camera: CameraKey, date: string, hour: number, uriOf: (name: string) => string): Promise<MediaFile | undefined>;
  /** A file of such a playlist. Undefined for what is no such name, or not there. */
  hourFile(camera: CameraKey, date: string, hour: number, name: string): Promise<MediaFile | undefined>;
  /** The hours (UTC, 0 to 23) of a day of which something was recorded, ascending. */
  hours(camera: CameraKey, date: string): Promise<readonly number[]>;
  /** Records a camera from now on, or no more (`undefined`). Another address: from there from now on. */
  record(camera: CameraKey, url: string | undefined): Promise<void>;
  /** Undefined for a camera that is not recorded. */
  recording(camera: CameraKey): StreamState | undefined;
  /** The picture at an instant, JPEG. */
  snap(camera: CameraKey, at: Instant): Promise<MediaFile | NotRecorded>;
  /** MP4 from one instant to another, without the gaps; begins at the keyframe at or before, ends to the picture. */
  clip(camera: CameraKey, from: Instant, to: Instant): Promise<Clip | NotRecorded>;
  /**
   * Compares what is there with what is known of this camera, ascending by start: tells `segment-recorded` for what nobody knew,
   * `segment-removed` for what is gone. The camera may be recorded meanwhile: a piece that comes then may be told of twice. Not to be called
   * while `retain` removes. The signal ends it where it stands.
   */
  reconcile(camera: CameraKey, known: AsyncIterable<Pick<RecordedSegment, "file" | "start" | "end">>, stop?: Stop): Promise<void>;
  /** Removes what is too old or too much. Says how many bytes went. */
  retain(now: Instant): Promise<number>;
  /** What happened, in the order in which it did. A listener that throws is a defect. */
  onEvent(listener: (event: MediaEvent) => void): void;
  /** Ends all of it. */
  close(): Promise<void>;
}

/** Films, and the program they are made with. */
export type Films = {
  readonly media: Media;
  /** Of ffmpeg, as it says it. Throws AdapterError `unavailable` that names what is missing; looks again each time. */
  version(): Promise<string>;
  close(): Promise<void>;
};

export interface Clock {
  /** The wall clock, epoch milliseconds. */
  now(): Instant;
  /** Resolves after so many milliseconds, or at once when the signal is aborted. */
  sleep(ms: number, signal?: Stop): Promise<void>;
}

export interface Meter {
  count(name: Counter, n?: number, labels?: Labels): void;
  set(name: Gauge, value: number, labels?: Labels): void;
  observe(name: Histogram, value: number, labels?: Labels): void;
}

/** Structured lines. The first argument is the fields; secrets never are among them. */
export interface Journal {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
}

/** What an adapter throws. Whether trying again may help is decided where it is made. */
export class AdapterError extends Error {
  override readonly name = "AdapterError";
  readonly code: AdapterErrorCode;
  readonly retryable: boolean;
  constructor(code: AdapterErrorCode, message: string, options: { readonly retryable: boolean; readonly cause?: unknown }) {
    super(message, { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
  }
}
export type AdapterErrorCode =
  | "fenced"
  | "wrong-revision"
  | "corrupt"
  | "full"
  | "in-use"
  | "unavailable"
  | "timeout"
  | "bad-query"
  | "too-large"
  | "closed";

/** A record of a topic of others, as it came. */
export type ForeignRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** As its writer said; negative where nobody did. */
  readonly timestamp: Instant;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array | undefined;
};

/** A record of which not all could be taken in. `reason` is one word, for counting; `detail` tells and quotes nothing that may be secret. */
export type RefusedRecord = { readonly record: ForeignRecord; readonly reason: string; readonly detail: string };

/** The first `done` records are durable or refused, and need not come again; `refused` are among these. */
export type Taken = { readonly done: number; readonly refused: readonly RefusedRecord[] };

/** Takes in consecutive records of one partition. Waits while the log takes nothing; `stop` ends the waiting, and then fewer are done. */
export type Take = (records: readonly ForeignRecord[], stop: Stop) => Promise<Taken>;

/** A topic of others. */
export interface Source {
  /**
   * Hands records over until the signal, in order per partition and each at least once: a record is behind us when it is done. Waits for
   * what may pass (no broker, no topic yet, access refused) and says so. Rejects with what `take` throws.
   */
  run(take: Take, signal: Stop): Promise<void>;
}
