/**
 * What a job may have of the event loop it shares with the live path: it works for a slice, then sleeps for as long as its share demands.
 * Where nobody else had anything to do it sleeps for no longer than one turn of the loop.
 *
 *   share 0.25:  work │ sleep · sleep · sleep │ work │ …      and work │ turn │ work │ turn │ … where nobody else works
 */

/** An event loop, as who shares it sees it. Milliseconds, with their fractions. */
export type Loop = {
  now(): number;
  /** How long it has waited for work, all in all. */
  idle(): number;
  sleep(ms: number): Promise<void>;
  /** Lets all that waits have its turn. */
  turn(): Promise<void>;
};

/** Milliseconds of work after which others have their turn: so long may each of their steps wait. */
const SLICE_MS = 4;
/** More than that is never paid for at once: a job that waited for an answer is not to be charged with what others did meanwhile. */
const MOST_MS = 50;
/** How much of the loop others may take before they are taken for at work. */
const QUIET = 0.1;
/** Milliseconds over which that is looked at. */
const LOOK_MS = 100;

/** The pause of one job: to be awaited after each piece of work. `share`: above 0, at most 1. */
export const createPause = (loop: Loop, share: number): (() => Promise<void>) => {
  let since = { at: loop.now(), idle: loop.idle() };
  let worked = 0;
  let look = { ...since, worked: 0 };
  let isQuiet = false;

  /** What passed that was neither idleness nor our work was that of others. */
  const lookRound = (at: number, idle: number): void => {
    const passed = at - look.at;
    if (passed < LOOK_MS) return;
    isQuiet = passed - (idle - look.idle) - look.worked < passed * QUIET;
    look = { at, idle, worked: 0 };
  };

  return async () => {
    const at = loop.now();
    const idle = loop.idle();
    worked += Math.max(0, at - since.at - (idle - since.idle));
    since = { at, idle };
    if (worked < SLICE_MS) return;
    const paid = Math.min(worked, MOST_MS);
    look.worked += paid;
    lookRound(at, idle);
    worked = 0;
    const rest = (paid * (1 - share)) / share;
    await (isQuiet || rest === 0 ? loop.turn() : loop.sleep(rest));
    since = { at: loop.now(), idle: loop.idle() };
  };
};
