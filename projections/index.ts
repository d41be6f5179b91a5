import { alerts } from "./alerts.ts";
import { coverage } from "./coverage.ts";
import { crossings } from "./crossings.ts";
import { frames } from "./frames.ts";
import { positions } from "./positions.ts";
import { presence } from "./presence.ts";
import type { Projection } from "./projection.ts";
import { states } from "./states.ts";

/** Every read model. A new one is listed here, and is filled from the log when it is first opened. */
export const projections: readonly Projection[] = [alerts, crossings, presence, coverage, frames, positions, states];
