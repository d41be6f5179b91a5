/** `after=`: a query that waits until a write can be read. */
import type { PageKey } from "../projections/questions.ts";
import type { Reached } from "./core.ts";
import type { Unreadable } from "./cursor.ts";
import { unavailable, unprocessable } from "./problem.ts";
import type { House } from "./surface.ts";

/** Throws Problem 422 for what is no position of ours. */
export const readPosition = ({ cursors }: Pick<House, "cursors">, tenant: string, after: string): Reached => {
  const read = cursors.readPosition(tenant, after);
  if (!read.ok) throw unprocessable("after", cursorFault(read.why));
  return read.value;
};

/** Waits until a write can be read. Throws Problem 422 for what is no position of ours, 503 when it took too long. */
export const settle = async (house: House, tenant: string, after: string | undefined, reads: "alerts" | "frames"): Promise<void> => {
  if (after === undefined) return;
  const settled = await house.core.settled(readPosition(house, tenant, after), reads);
  if (!settled) throw unavailable("What was written is not readable yet. Ask again.");
};

const faults = {
  forged: "was never given out here",
  foreign: "belongs to another log",
  outdated: "was given out by an earlier version",
} as const satisfies Record<Unreadable, string>;

/** What is wrong with a position or a cursor. */
export const cursorFault = (why: Unreadable): string => faults[why];

/** Where the page before ended; undefined for the first. Throws Problem 422 for what was not given out for this question. */
export const readMark = (
  { cursors }: Pick<House, "cursors">,
  tenant: string,
  question: string,
  cursor: string | undefined,
): PageKey | undefined => {
  if (cursor === undefined) return undefined;
  const read = cursors.readPage(tenant, question, cursor);
  if (!read.ok) throw unprocessable("cursor", cursorFault(read.why));
  return read.value;
};
