/** What goes in at the door and what it answers. Structurally the types of api/core.ts, which ingest may not import. */
import type { Position } from "../domain/ports.ts";

/** A body as it came. `release` lets go the frames held for reordering, once these are in (an import ends so). */
export type Incoming = {
  readonly contentType: string;
  /** Content-Encoding. */
  readonly encoding: string | undefined;
  readonly body: Uint8Array;
  readonly release?: boolean;
};

/** Partition -> the last position written there. */
export type Reached = ReadonlyMap<number, Position>;

/** `line` counts from 1: the line of NDJSON, the element of an array, the message of a protobuf stream; 1 for a single frame. */
export type Rejected = { readonly line: number; readonly detail: string };

export type Received = {
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: readonly Rejected[];
  readonly reached: Reached;
};

export type NotReceived = {
  readonly problem: "too-large" | "busy" | "unsupported" | "unreadable" | "unavailable";
  readonly detail: string;
};

export const notReceived = (problem: NotReceived["problem"], detail: string): NotReceived => ({ problem, detail });

export const isNotReceived = (answer: object): answer is NotReceived => "problem" in answer;
