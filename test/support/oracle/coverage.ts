/** When the camera was watching: [frame, frame + 5 s), less the time it was said to be gone. */
import type { Instant } from "../../../domain/envelope.ts";
import type { Coverage } from "../../../domain/event.ts";
import type { Moment } from "./timeline.ts";

const SPAN_MS = 5000;
const TOLD_EVERY_MS = 60_000;

export const coverageOf = (
  moments: readonly Moment[],
  camera: { readonly tenant: string; readonly camera: string },
): readonly Coverage[] => {
  const told: Coverage[] = [];
  let open: { readonly start: Instant; until: Instant; nextTold: Instant } | undefined;
  let gone = false;
  const tell = (start: Instant, end: Instant, stillOpen: boolean, moment: Moment): void => {
    if (end > start) told.push({ kind: "coverage", ...camera, start, end, open: stillOpen, receivedAt: moment.fact.receivedAt });
  };
  /** Timers due up to this moment, in order. */
  const pass = (moment: Moment): void => {
    while (open !== undefined) {
      if (open.nextTold < open.until && open.nextTold <= moment.at) {
        tell(open.start, open.nextTold, true, moment);
        open.nextTold += TOLD_EVERY_MS;
      } else if (open.until <= moment.at) {
        tell(open.start, open.until, false, moment);
        open = undefined;
      } else return;
    }
  };
  for (const moment of moments) {
    if (moment.what === "redefined") continue;
    pass(moment);
    if (typeof moment.what === "object" && "ends" in moment.what) {
      if (open !== undefined) tell(open.start, moment.what.ends === "clock_reset" ? open.until : moment.at, false, moment);
      open = undefined;
      gone = moment.what.ends === "sensor_lost";
    } else if (moment.what === "online") gone = false;
    else if (typeof moment.what === "object" && !gone) {
      open ??= { start: moment.at, until: moment.at, nextTold: moment.at + TOLD_EVERY_MS };
      open.until = moment.at + SPAN_MS;
    }
  }
  return told;
};
