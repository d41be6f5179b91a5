/** Streams of decisions: load, decide, append against the expected revision. One fold a stream is kept for as long as nobody decided more. */
import { type Decider, isRefusal, type Refusal, refuse } from "./decider.ts";
import type { Json } from "./envelope.ts";
import { AdapterError, type Clock, type Decided, type EventStore, type Revision } from "./ports.ts";
import { createTurns } from "./turns.ts";

/** `revision` is the stream's: how many events `state` has seen. */
export type Folded<S> = { readonly revision: Revision; readonly state: S };

export type Streams<C, S> = {
  load(stream: string): Promise<Folded<S>>;
  /** The same, and the store is asked whatever is known. */
  refresh(stream: string): Promise<Folded<S>>;
  /** `by`: who wants it, for the audit. */
  decide(stream: string, command: C, by?: string): Promise<Folded<S> | Refusal>;
};

export type Folding = {
  readonly store: EventStore;
  /** How many events of a stream are known of: a fold with fewer is stale, since another process decided. */
  readonly revision: (stream: string) => Revision;
  readonly clock: Clock;
  /** A new UUID. */
  readonly ids: () => string;
};

const ATTEMPTS = 8;
/** Streams kept folded. */
const CAPACITY = 10_000;

export const createStreams = <C, S, E extends { readonly type: string }>(
  { store, revision: newest, clock, ids }: Folding,
  decider: Decider<C, S, E>,
): Streams<C, S> => {
  const folded = new Map<string, Folded<S>>();
  const turn = createTurns();

  const keep = (stream: string, fold: Folded<S>): Folded<S> => {
    // Read while a decision was made: what came of that is newer.
    const known = folded.get(stream);
    if (known !== undefined && known.revision > fold.revision) return known;
    folded.delete(stream);
    folded.set(stream, fold);
    if (folded.size > CAPACITY) for (const oldest of folded.keys()) if (folded.delete(oldest)) break;
    return fold;
  };

  const { sum } = decider;
  const own = (state: S): S => decider.own?.(state) ?? state;

  /** As they come to stand in the stream, with the sums whose places they reach; and what they come to. */
  const placed = ({ revision, state }: Folded<S>, events: readonly E[]): { readonly events: readonly E[]; readonly state: S } => {
    const all: E[] = [];
    let so = own(state);
    for (const event of events) {
      if (sum !== undefined && (revision + all.length + 1) % sum.every === 0) all.push(sum.of(so));
      all.push(event);
      so = decider.evolve(so, event);
    }
    return { events: all, state: so };
  };

  /** All that the state follows from. */
  const history = async (stream: string): Promise<readonly Decided[]> => {
    if (sum === undefined) return store.read(stream);
    const head = await store.head(stream);
    const place = head - (head % sum.every);
    const events = place === 0 ? [] : await store.read(stream, place - 1);
    // A stream that was begun before there were sums has none for a while.
    return events[0]?.type === sum.type ? events : store.read(stream);
  };

  const load = async (stream: string): Promise<Folded<S>> => {
    const known = folded.get(stream);
    return known !== undefined && known.revision >= newest(stream) ? known : refresh(stream);
  };

  const refresh = async (stream: string): Promise<Folded<S>> => {
    const known = folded.get(stream);
    // What others decided is read, and no more.
    const events = known === undefined ? await history(stream) : await store.read(stream, known.revision);
    // What the store holds are the decider's own events, as JSON: it wrote them.
    const state = events.reduce((so, { data }) => decider.evolve(so, data as unknown as E), own(known?.state ?? decider.initial()));
    return keep(stream, { revision: events.at(-1)?.revision ?? known?.revision ?? 0, state });
  };

  const attempt = async (stream: string, command: C, by?: string): Promise<Folded<S> | Refusal> => {
    for (let tried = 1; ; tried++) {
      const before = await load(stream);
      const decided = decider.decide(command, before.state);
      if (isRefusal(decided)) return decided;
      if (decided.length === 0) return before;
      const { events, state } = placed(before, decided);
      const at = clock.now();
      const decisions = events.map((event) => ({
        id: ids(),
        type: event.type,
        data: event as unknown as Json,
        at,
        ...(by === undefined || event.type === sum?.type ? {} : { by }),
      }));
      try {
        const revision = await store.append(stream, before.revision, decisions);
        return keep(stream, { revision, state });
      } catch (error) {
        // Whatever went wrong, the fold may be behind now.
        folded.delete(stream);
        if (!(error instanceof AdapterError && error.code === "wrong-revision")) throw error;
        if (tried === ATTEMPTS) return refuse("conflict", "", "it is being changed by others at the same time");
      }
    }
  };

  /** One change of a stream after the other in this process; only other processes can still be in the way. */
  const decide = (stream: string, command: C, by?: string): Promise<Folded<S> | Refusal> =>
    turn(stream, () => attempt(stream, command, by));

  return { load, refresh, decide };
};
