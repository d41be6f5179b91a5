/**
 * A bounded line in which turns go round: of those that wait, one of each is let through before the next of the same. So whoever brings a
 * hundred stands in his own way, and one who is alone has the whole line.
 */

/** A tenant, or whoever else is told apart. Undefined: it is ours, goes before all, and gives its place to nobody. */
export type Whose = string | undefined;

export type FairLine<T> = {
  /**
   * Answers who has no place in it then. In a full line that is the newest of whoever has most there, if he still has no fewer than the
   * newcomer's others and itself; else the newcomer.
   */
  join(one: T, whose: Whose): T | undefined;
  leave(one: T, whose: Whose): void;
  /** Takes out the next one, of those that `may` lets pass now. */
  next(may?: (whose: Whose) => boolean): T | undefined;
};

/** `most`: how many may wait together. */
export const createFairLine = <T>(most: number): FairLine<T> => {
  /** In the order of their turns; none is empty. */
  const waiting = new Map<Whose, T[]>();
  let size = 0;
  const take = (whose: Whose, from: T[], at: number): T | undefined => {
    const [taken] = from.splice(at, 1);
    if (from.length === 0) waiting.delete(whose);
    size -= 1;
    return taken;
  };
  const add = (one: T, whose: Whose): void => {
    const others = waiting.get(whose);
    if (others === undefined) waiting.set(whose, [one]);
    else others.push(one);
    size += 1;
  };
  const greediest = (): readonly [Whose, T[]] | undefined => {
    let found: readonly [Whose, T[]] | undefined;
    for (const one of waiting) if (one[0] !== undefined && one[1].length > (found?.[1].length ?? 0)) found = one;
    return found;
  };
  const roomFor = (whose: Whose): T | undefined => {
    const [who, theirs] = greediest() ?? [];
    const own = whose === undefined ? 0 : (waiting.get(whose)?.length ?? 0) + 1;
    return theirs === undefined || theirs.length - 1 < own ? undefined : take(who, theirs, theirs.length - 1);
  };
  return {
    join: (one, whose) => {
      const out = size < most ? undefined : (roomFor(whose) ?? one);
      if (out !== one) add(one, whose);
      return out;
    },
    leave: (one, whose) => {
      const all = waiting.get(whose);
      const at = all?.indexOf(one) ?? -1;
      if (all !== undefined && at >= 0) take(whose, all, at);
    },
    next: (may = () => true) => {
      const ours = waiting.get(undefined);
      if (ours !== undefined && may(undefined)) return take(undefined, ours, 0);
      for (const [whose, all] of waiting) {
        if (whose === undefined || !may(whose)) continue;
        const first = take(whose, all, 0);
        // To the end of the round.
        waiting.delete(whose);
        if (all.length > 0) waiting.set(whose, all);
        return first;
      }
      return undefined;
    },
  };
};
