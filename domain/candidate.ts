/** Definitions that nobody decided, for a look at what they would have given. Types only. */
import type { Roi, Rule, SensorSettings, Tripwire } from "./camera.ts";

/** In the place of all a camera had: its wires, regions and rules. `settings`: undefined for those it had. */
export type Candidate = {
  readonly tripwires: readonly Tripwire[];
  readonly rois: readonly Roi[];
  readonly rules: readonly Rule[];
  readonly settings: SensorSettings | undefined;
};
