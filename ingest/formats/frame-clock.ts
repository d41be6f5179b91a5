import type { Instant } from "../../domain/envelope.ts";

/** What files without timestamps must be told: `start` is the instant of frame 0. */
export type FrameClock = { readonly sensorId: string; readonly fps: number; readonly start: Instant };

/** Reckoned from the start each time, so that rounding never adds up. */
export const instantOfFrame = (clock: FrameClock, frame: number): Instant => clock.start + Math.round((frame * 1000) / clock.fps);
