/** `asOf=`: what was known at a position. */
import type { Instant } from "../domain/envelope.ts";
import type { AsOf } from "../projections/questions.ts";
import { cursorFault } from "./after.ts";
import { readInstant } from "./parameters.ts";
import { unavailable, unprocessable } from "./problem.ts";
import type { House } from "./surface.ts";

/** `at`: an end that was left open is there, where the position is an instant. */
export type Then = { readonly asOf: AsOf; readonly at: Instant | undefined };

const NOT_YET = "What stands before this position is not readable yet. Ask again.";

/**
 * An instant, a cursor of a socket, or the position that a write answered. The last is the instant its fact arrived at, in the partition of
 * `camera`: undefined where the question is of several, of which a position says nothing. Waits until what stands before a cursor or a
 * position can be read. Throws Problem 422 for what is none of these or was not given out here, 503 where waiting took too long.
 */
export const readAsOf = async (
  house: House,
  tenant: string,
  camera: string | undefined,
  text: string | undefined,
): Promise<Then | undefined> => {
  if (text === undefined) return undefined;
  const { core, cursors } = house;
  const at = readInstant(text);
  if (at !== undefined) return { asOf: { arrivedBy: at }, at };
  const tail = cursors.readTail(tenant, text);
  if (tail.ok) {
    if (!(await core.told(tail.value))) throw unavailable(NOT_YET);
    return { asOf: { before: tail.value, epoch: core.epoch }, at: undefined };
  }
  const position = cursors.readPosition(tenant, text);
  if (!position.ok) {
    const why = tail.why === "forged" ? position.why : tail.why;
    if (why === "forged")
      throw unprocessable("asOf", "is neither an RFC 3339 timestamp with a zone nor a cursor or a position that was given out here");
    throw unprocessable("asOf", cursorFault(why));
  }
  if (camera === undefined) throw unprocessable("asOf", "is the position of a write, which goes with a question of one camera");
  const arrived = await core.arrivalOf({ tenant, camera }, position.value);
  if (arrived === "elsewhere") throw unprocessable("asOf", "is the position of a write that says nothing of this sensor");
  if (arrived === "gone") throw unprocessable("asOf", "is the position of a fact that is no longer kept");
  if (!(await core.settled(position.value, "alerts"))) throw unavailable(NOT_YET);
  return { asOf: { arrivedBy: arrived }, at: arrived };
};
