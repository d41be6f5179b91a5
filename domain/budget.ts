/**
 * What all that is not live may have of the event loop it shares with the live path, together: whoever works pays for it into one sum, then
 * stands in line until the share has brought in as much. Where nobody else had anything to do, the line is let on by one each turn of the loop.
 *
 *   share 0.25:  one │ rest · rest · rest │ other │ rest · rest · rest │ one │ …      and one │ turn │ other │ turn │ … where nobody else works
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

export type Budget = {
  /** The pause of one who works, be it for hours or for a moment: to be awaited after each piece of work. */
  createPause(): () => Promise<void>;
};

/** Milliseconds of work after which others have their turn: so long may each of their steps wait. */
const SLICE_MS = 4;
/** More than that is never paid for at once: who waited for an answer is not to be charged with what others did meanwhile. */
const MOST_MS = 50;
/** How much of the loop others may take before they are taken for at work. */
const QUIET = 0.1;
/** Milliseconds over which that is looked at. */
const LOOK_MS = 100;

/** `share`: above 0, at most 1, of the time of the loop, for all pauses of this budget together. */
export const createBudget = (loop: Loop, share: number): Budget => {
  const charges = createCharges();
  let worked = 0;
  /** When all that was worked so far is paid for. */
  let paidAt = loop.now();
  let line: Promise<void> = Promise.resolve();
  let look = { at: loop.now(), idle: loop.idle(), worked: 0 };
  let isQuiet = false;

  /** What passed that was neither idleness nor our work was that of others. */
  const lookRound = (): void => {
    const [at, idle] = [loop.now(), loop.idle()];
    const passed = at - look.at;
    if (passed < LOOK_MS) return;
    isQuiet = passed - (idle - look.idle) - look.worked < passed * QUIET;
    look = { at, idle, worked: 0 };
  };

  /** One after the other, so that none finds several of us at once before it. */
  const letOn = async (due: number): Promise<void> => {
    lookRound();
    const rest = due - loop.now();
    if (isQuiet) paidAt = Math.min(paidAt, loop.now());
    await (isQuiet || rest <= 0 ? loop.turn() : loop.sleep(rest));
  };

  const busy = (): number => loop.now() - loop.idle();
  return {
    createPause: () => {
      let since = busy();
      return async () => {
        const now = busy();
        worked += Math.min(charges.take(since, now), MOST_MS);
        since = now;
        if (worked < SLICE_MS) return;
        look.worked += worked;
        paidAt = Math.max(paidAt, loop.now() - worked) + worked / share;
        worked = 0;
        const due = paidAt;
        line = line.then(() => letOn(due));
        await line;
        since = busy();
      };
    },
  };
};

/** Stretches of the past that are remembered as not charged to anybody. */
const STRETCHES = 64;

/**
 * What is charged, in milliseconds the loop was busy: of several who wait for answers at the same time each hands in a stretch that has the
 * work of the others in it, and none of it is charged twice.
 */
const createCharges = () => {
  /** Not charged, the oldest first; all other time before `end` is. */
  const free: { readonly from: number; readonly to: number }[] = [];
  let end = 0;
  return {
    /** Charges what is not yet charged of the stretch, which ends now. Says how much that is. */
    take: (from: number, to: number): number => {
      if (from > end) free.push({ from: end, to: from });
      let charged = Math.max(0, to - Math.max(from, end));
      for (let last = free.at(-1); last !== undefined && last.to > from; last = free.at(-1)) {
        free.pop();
        charged += last.to - Math.max(last.from, from);
        if (last.from >= from) continue;
        free.push({ from: last.from, to: from });
        break;
      }
      if (free.length > STRETCHES) free.shift();
      end = Math.max(end, to);
      return charged;
    },
  };
};
