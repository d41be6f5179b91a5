import type { Instant, Json } from "./envelope.ts";

/** What a step gives: the state to keep and what came out. An array without elements may be shared. */
export type Step<S, Out> = readonly [state: S, out: readonly Out[]];

/** What remembers. Pure: the same inputs in the same order give the same outputs, also after save and load between any two. */
export type Machine<In, S, Out> = {
  readonly name: string;
  /** Raised when the saved form of S changes shape. */
  readonly version: number;
  /** `undefined`: not for me. */
  readonly keyOf: (input: In) => string | undefined;
  readonly at: (input: In) => Instant;
  readonly initial: () => S;
  /** May change and return the state it was given. */
  readonly step: (state: S, input: In) => Step<S, Out>;
  /** Wake me then, in event time: before an input at that instant, and as often as a ring makes new timers due. */
  readonly due?: (state: S) => Instant | undefined;
  /** `by` is the input whose coming moved the time so far: what a ring gives has its `receivedAt`. */
  readonly ring?: (state: S, at: Instant, key: string, by: In) => Step<S, Out>;
  readonly save: (state: S) => Json;
  /** `undefined`: this version of the saved form is not known; derive it again from a base. */
  readonly load: (saved: Json, version: number) => S | undefined;
};

/**
 * What `read` makes of a saved form, undefined where it is not the form that `save` gives: it must be the same again when saved.
 * A form of a version that is not known may have any shape, so what reading it throws is that answer, too.
 */
export const loaded = <S>(saved: Json, read: (saved: Json) => S, save: (state: S) => Json): S | undefined => {
  try {
    const state = read(saved);
    return JSON.stringify(save(state)) === JSON.stringify(saved) ? state : undefined;
  } catch (thrown) {
    if (thrown instanceof TypeError || thrown instanceof RangeError) return undefined;
    throw thrown;
  }
};

/** States by key, held outside the machine. */
export type States<S> = Map<string, S>;

/** So many rings for one input are a machine that winds itself up: better a defect told than a loop without end. */
const MOST_RINGS = 100_000;

/** Rings what is due at or before `until`, in time order; every output goes to `out`. */
export function ringUntil<In, S, Out>(machine: Machine<In, S, Out>, state: S, until: Instant, key: string, by: In, out: Out[]): S {
  if (machine.due === undefined || machine.ring === undefined) return state;
  let kept = state;
  for (let rings = 0; ; rings++) {
    const due = machine.due(kept);
    if (due === undefined || due > until) return kept;
    if (rings === MOST_RINGS) throw new Error(`${machine.name} does not stop ringing at ${due}`);
    const [next, given] = machine.ring(kept, due, key, by);
    kept = next;
    for (let i = 0; i < given.length; i++) out.push(given[i] as Out);
  }
}

/** One input: what its key has due by then rings first, then it is stepped. The states are changed, the outputs returned in order. */
export function advance<In, S, Out>(machine: Machine<In, S, Out>, states: States<S>, input: In): readonly Out[] {
  const key = machine.keyOf(input);
  if (key === undefined) return [];
  const before = states.has(key) ? (states.get(key) as S) : machine.initial();
  const out: Out[] = [];
  const [after, given] = machine.step(ringUntil(machine, before, machine.at(input), key, input, out), input);
  states.set(key, after);
  if (out.length === 0) return given;
  for (let i = 0; i < given.length; i++) out.push(given[i] as Out);
  return out;
}

/** All inputs in order: what the machine concludes from them. */
export function run<In, S, Out>(machine: Machine<In, S, Out>, inputs: Iterable<In>, states: States<S> = new Map()): readonly Out[] {
  const out: Out[] = [];
  for (const input of inputs) out.push(...advance(machine, states, input));
  return out;
}

/**
 * Two machines of the same key as one: what the first gives, the second takes. Only what the first lets through moves
 * the second's time, so an input the first drops (a late frame) rings nothing.
 */
export function andThen<In, S, Mid, T, Out>(
  first: Machine<In, S, Mid>,
  second: Machine<Mid, T, Out>,
): Machine<In, { first: S; second: T }, Out> {
  type Both = { first: S; second: T };
  const pass = (both: Both, [kept, given]: Step<S, Mid>): Step<Both, Out> => {
    both.first = kept;
    const out: Out[] = [];
    for (const mid of given) {
      const key = second.keyOf(mid);
      if (key === undefined) continue;
      const [next, last] = second.step(ringUntil(second, both.second, second.at(mid), key, mid, out), mid);
      both.second = next;
      for (const one of last) out.push(one);
    }
    return [both, out];
  };
  const { due, ring } = first;
  return {
    name: `${first.name}, then ${second.name}`,
    version: 1,
    keyOf: first.keyOf,
    at: first.at,
    initial: () => ({ first: first.initial(), second: second.initial() }),
    step: (both, input) => pass(both, first.step(both.first, input)),
    ...(due === undefined ? {} : { due: (both: Both) => due(both.first) }),
    ...(ring === undefined ? {} : { ring: (both: Both, at: Instant, key: string, by: In) => pass(both, ring(both.first, at, key, by)) }),
    save: (both) => [first.version, first.save(both.first), second.version, second.save(both.second)],
    load: (saved, version) => {
      if (version !== 1 || !Array.isArray(saved)) return undefined;
      const [firstVersion, firstSaved, secondVersion, secondSaved] = saved as [number, Json, number, Json];
      const one = first.load(firstSaved, firstVersion);
      const two = second.load(secondSaved, secondVersion);
      return one === undefined || two === undefined ? undefined : { first: one, second: two };
    },
  };
}
