/** Rows as the text that an insert sends. */
import { setImmediate as turn } from "node:timers/promises";
import type { Row } from "../../domain/ports.ts";

/** A row that is text already. */
class Line {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A lone surrogate is no text to ClickHouse, which would refuse the whole batch: it becomes U+FFFD. */
const stringify = (value: unknown): string => {
  if (value instanceof Line) return value.text;
  const text = JSON.stringify(value);
  if (!text.includes("\\ud")) return text;
  return JSON.stringify(value, (_, part: unknown) => (typeof part === "string" ? part.toWellFormed() : part));
};

/** Rows turned to text between two turns of the loop: a millisecond or two. */
const ROWS_A_TURN = 64;

/** A batch of frames is megabytes of text: made in one go it would keep senders and sockets waiting meanwhile. */
export const linesOf = async (rows: readonly Row[]): Promise<readonly Line[]> => {
  const lines: Line[] = [];
  for (const row of rows) {
    lines.push(new Line(stringify(row)));
    if (lines.length % ROWS_A_TURN === 0) await turn();
  }
  return lines;
};

/** What the client turns rows to text with, and answers to values. */
export const json = { stringify, parse: <T>(text: string): T => JSON.parse(text) as T };
