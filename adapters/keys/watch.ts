/** Looks again and again where keys come from, and keeps the last ones through an outage, for a while. */
import type { Limits } from "../../domain/limits.ts";
import type { Clock, Journal, TokenKeys } from "../../domain/ports.ts";
import type { TokenKey } from "../../domain/token-keys.ts";
import type { Unusable } from "./one-key.ts";

export type KeyLimits = Pick<Limits, "keysBytes" | "keysMs" | "keysLookMs" | "keysPauseMs" | "keysKeptMs" | "tokenKeys">;
export type Found = { readonly keys: readonly TokenKey[]; readonly left: readonly string[] };

export type Watched = {
  /** Where: for the journal. Holds no secret. */
  readonly place: string;
  /** Never rejects; ends early when the signal is aborted. */
  readonly read: (stop: AbortSignal) => Promise<Found | Unusable>;
  readonly first: Found | undefined;
  readonly limits: KeyLimits;
  readonly clock: Clock;
  readonly journal: Journal;
};

const sameKeys = (some: readonly TokenKey[] | undefined, others: readonly TokenKey[] | undefined): boolean => {
  const inOrder = (keys: readonly TokenKey[]): string => JSON.stringify(keys.map((key) => JSON.stringify(key)).sort());
  return some === undefined || others === undefined ? some === others : inOrder(some) === inOrder(others);
};

export const watchKeys = ({ place, read, first, limits, clock, journal }: Watched): TokenKeys => {
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  let keys = first?.keys;
  let foundAt = first === undefined ? Number.NEGATIVE_INFINITY : clock.now();
  let lookedAt = foundAt;
  let isAway = false;
  let looking: Promise<void> | undefined;

  const use = (next: readonly TokenKey[] | undefined): void => {
    if (sameKeys(keys, next)) return;
    keys = next;
    for (const listener of listeners) listener();
  };
  const found = ({ keys: next, left }: Found): void => {
    if (isAway) journal.info({ place }, "the keys of tokens can be had again");
    isAway = false;
    foundAt = clock.now();
    if (sameKeys(keys, next)) return;
    journal.info({ place, keys: next.length, left }, "the keys of tokens are read");
    if (next.length === 0) journal.warn({ place }, "there is no key for tokens: none is accepted");
    use(next);
  };
  const missed = (why: string): void => {
    if (!isAway) journal.warn({ place, why }, "the keys of tokens cannot be had now");
    isAway = true;
    if (keys === undefined || clock.now() - foundAt < limits.keysKeptMs) return;
    journal.error({ place, why }, "the keys of tokens could not be had for too long: no token is accepted");
    use(undefined);
  };
  const lookNow = async (): Promise<void> => {
    const told = await read(closing.signal);
    if (closing.signal.aborted) return;
    lookedAt = clock.now();
    if ("unusable" in told) missed(told.unusable);
    else found(told);
  };
  const look = (): Promise<void> => {
    if (looking !== undefined) return looking;
    const since = clock.now() - lookedAt;
    // A clock that was set back must not keep us from looking.
    if (closing.signal.aborted || (since >= 0 && since < limits.keysPauseMs)) return Promise.resolve();
    looking = lookNow().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const goOn = async (): Promise<void> => {
    if (keys === undefined) await look();
    while (!closing.signal.aborted) {
      await clock.sleep(isAway ? limits.keysPauseMs : limits.keysLookMs, closing.signal);
      await look();
    }
  };

  return {
    current: () => keys,
    look,
    onChanged: (listener) => void listeners.add(listener),
    done: goOn(),
    close: () => closing.abort(),
  };
};
