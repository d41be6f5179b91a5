import type { Clock } from "./ports.ts";

/** Lets so many be said in a time; `more`: how many were left unsaid since the last one. */
export type Seldom = (say: (more: number) => void) => void;

export const createSeldom = (clock: Pick<Clock, "now">, most: number, withinMs: number): Seldom => {
  let begin = Number.NEGATIVE_INFINITY;
  let said = 0;
  let unsaid = 0;
  return (say) => {
    const now = clock.now();
    if (now - begin >= withinMs || now < begin) {
      begin = now;
      said = 0;
    }
    if (said === most) {
      unsaid++;
      return;
    }
    said++;
    say(unsaid);
    unsaid = 0;
  };
};
