/** What comes to the door and what it answers: `ingest/` fulfils it, surfaces present it. Types only. */
import type { Position } from "./ports.ts";

/** Partition -> the last position written there. */
export type Reached = ReadonlyMap<number, Position>;

/**
 * A body as it came. `encoding` is Content-Encoding; limits count the unpacked bytes.
 * `release` lets go the frames held for reordering, once these are in: `?release=true`, as an import ends.
 */
export type Incoming = {
  readonly contentType: string;
  readonly encoding: string | undefined;
  readonly body: Uint8Array;
  readonly release?: boolean;
};

/** `line` counts from 1: the line of NDJSON, the element of an array, the message of a protobuf stream; 1 for a single frame. */
export type Rejected = { readonly line: number; readonly detail: string };
export type Received = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly Rejected[];
  readonly reached: Reached;
};

/** `busy`: send again later. `unsupported`: of a type or an encoding nobody reads here. `unavailable`: the log takes nothing at the moment. */
export type NotReceived = {
  readonly problem: "too-large" | "busy" | "unsupported" | "unreadable" | "unavailable";
  readonly detail: string;
};
