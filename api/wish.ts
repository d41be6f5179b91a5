/** What a socket wishes to be told again: `?since=`, with `until`, `pace` and `follow`. */
import type { Instant } from "../domain/envelope.ts";
import { cursorFault } from "./after.ts";
import type { Core, Tail } from "./core.ts";
import type { Cursors } from "./cursor.ts";
import { readInstant } from "./parameters.ts";
import { PACE_FAULT, paceOf } from "./replay-parameters.ts";

/** A place in the derived log; an instant stands for what follows from facts that arrived then or later. */
type Point = { readonly tail: Tail } | { readonly instant: Instant };
export type Wish = {
  readonly since: Point;
  readonly until: Point | undefined;
  /** Undefined: as fast as it is taken. */
  readonly pace: number | undefined;
  /** Goes on to what is live. */
  readonly follow: boolean;
};
export type WishFault = { readonly path: string; readonly detail: string };

const TOLD_HOW = ["until", "pace", "follow"] as const;

/** `cursors`: undefined where the client has none. Undefined: no more is wished than to resume, or to be told what is live. */
export const readWish = (
  query: URLSearchParams,
  tenant: string,
  cursors: Cursors | undefined,
  needs: string,
): Wish | WishFault | undefined => {
  const given = TOLD_HOW.find((name) => query.has(name));
  const since = query.get("since");
  if (since === null) return given && { path: given, detail: "goes with since" };
  if (given === undefined && readInstant(since) === undefined) return undefined;
  const point = (path: string, text: string): Point | WishFault => {
    const instant = readInstant(text);
    if (instant !== undefined) return { instant };
    if (cursors === undefined) return { path, detail: needs };
    const read = cursors.readTail(tenant, text);
    return read.ok ? { tail: read.value } : { path, detail: cursorFault(read.why) };
  };
  const from = point("since", since);
  if ("detail" in from) return from;
  const text = query.get("until");
  const until = text === null ? undefined : point("until", text);
  if (until !== undefined && "detail" in until) return until;
  if (until !== undefined && "instant" in until && "instant" in from && until.instant < from.instant)
    return { path: "until", detail: "is before since" };
  const pace = query.get("pace");
  const times = pace === null ? undefined : paceOf(pace);
  if (pace !== null && times === undefined) return { path: "pace", detail: PACE_FAULT };
  const follow = query.get("follow") ?? String(text === null);
  if (follow !== "true" && follow !== "false") return { path: "follow", detail: "is neither true nor false" };
  return { since: from, until, pace: times, follow: follow === "true" };
};

export const tailOf = async (core: Pick<Core, "tailAt">, point: Point): Promise<Tail> =>
  "tail" in point ? point.tail : core.tailAt(point.instant);
