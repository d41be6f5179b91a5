/** Parameters of what is sent again, on sockets and over HTTP. */
import * as parameter from "./parameters.ts";
import { optional } from "./parameters.ts";
import { unprocessable } from "./problem.ts";

/** Times the recorded pace: slower than the least nobody waits, faster than the most nobody can tell from none. */
const LEAST_PACE = 0.001;
const MOST_PACE = 1_000_000;
export const PACE_FAULT = `is not a number from ${LEAST_PACE} to ${MOST_PACE}`;

/** Undefined for what is no number, or beyond these. */
export const numberIn = (text: string, least: number, most: number): number | undefined => {
  const value = /^\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
};
export const paceOf = (text: string): number | undefined => numberIn(text, LEAST_PACE, MOST_PACE);

export const pace = optional(
  {
    description: "1: at the pace at which it was recorded, 2: twice as fast; else as fast as it is taken.",
    schema: { type: "number", minimum: LEAST_PACE, maximum: MOST_PACE },
  },
  (text, name) => {
    const value = paceOf(text);
    if (value === undefined) throw unprocessable(name, PACE_FAULT);
    return value;
  },
);

const text = { type: "string" } as const;
const opaque = (given: string): string => given;

/** Of sockets. */
export const toldAgain = {
  since: optional(
    {
      description:
        "From where it is told again: an instant, RFC 3339 with a zone (what follows from what arrived then or later), or, with tallywire.v1, a cursor. A cursor alone goes on from there.",
      schema: text,
    },
    opaque,
  ),
  until: optional(
    { description: "Where the telling again ends, as in since; unless follow is true the socket is closed then, with 1000.", schema: text },
    opaque,
  ),
  pace,
  follow: parameter.oneOf(
    "Whether it goes on, as fast as it is taken, to what is live; without until it does unless told not to.",
    "true",
    "false",
  ),
};
