/**
 * When, by our clock, a segment of a film was made. The film's own clock only says how long its segments are; when one was whole is seen
 * here, some time after it was made: never before. So the least delay seen is the truest, and an instant goes towards what was seen in
 * small steps. One that is far off is no delay: somebody's clock has jumped.
 */
import type { Instant } from "../../domain/envelope.ts";

/** Milliseconds an instant is moved a segment. A clock that is wrong by 1 part in 1,000 is followed with segments of 4 s. */
const STEP = 5;
/** Milliseconds. What is farther off is a jump. */
const JUMP_MS = 3000;
/** Segments whose least delay counts. */
const SEEN = 8;

export type Placed = {
  readonly start: Instant;
  readonly end: Instant /** It does not go on where the one before has ended. */;
  readonly jumped: boolean;
};

/** Takes the segments of one film in order. */
export const timeline = () => {
  let end: Instant | undefined;
  const delays: number[] = [];
  return (durationMs: number, completedAt: Instant): Placed => {
    const delay = end === undefined ? 0 : completedAt - durationMs - end;
    const jumped = end === undefined || Math.abs(delay) > JUMP_MS;
    if (jumped) {
      end = completedAt;
      delays.length = 0;
      return { start: completedAt - durationMs, end, jumped };
    }
    delays.push(delay);
    if (delays.length > SEEN) delays.shift();
    const least = Math.min(...delays);
    const step = Math.max(-STEP, Math.min(STEP, least));
    for (let at = 0; at < delays.length; at += 1) delays[at] = (delays[at] as number) - step;
    // It begins where the one before has ended, and is the step longer or shorter.
    const start = end as Instant;
    end = start + Math.max(1, durationMs + step);
    return { start, end, jumped };
  };
};
