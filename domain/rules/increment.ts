/**
 * increment: an alert after every n entries or exits.
 *
 * 1. At a wire the crossings count; at a region or the field of view an `entered` is an entry, a `left` an exit.
 * 2. A stay that was cut off (sensor_lost, clock_reset, redefined) is no exit: nobody was seen walking out.
 * 3. Whoever is present when the rule begins is no entry. Selected then, as last seen, that one's leaving is an exit like any other.
 * 4. With a direction only that one counts; without, each direction counts on its own and tells its own alerts.
 * 5. The nth raises: count n, start and end the least and greatest `at` of the n. Then it starts again from zero.
 * 6. `countMode: distinct` counts an object once a round; the set of objects empties with each round.
 * 7. A clock set back or a new definition starts again from zero; a lost camera does not: what was counted stays counted.
 */
import type { Direction, IncrementRule } from "../camera.ts";
import type { Instant, Json } from "../envelope.ts";
import type { Crossing, FrameRef, Presence, Sighting } from "../event.ts";
import {
  type Conclusion,
  copyOf,
  earlier,
  later,
  loadFrameRef,
  loadSighting,
  nothing,
  type RuleLogic,
  saveFrameRef,
  saveSighting,
} from "./conclusion.ts";
import { judge, loadVerdicts, saveVerdicts, selects, type Verdicts } from "./selection.ts";

/** Since the last alert of this direction. `objects`: each once, as last counted. */
type Round = { count: number; start: Instant; end: Instant; from: FrameRef; to: FrameRef; readonly objects: Map<string, Sighting> };
type Counting = { rounds: Map<Direction, Round>; verdicts: Verdicts };

const cutOff = new Set(["sensor_lost", "clock_reset", "redefined"]);

const directionOf = (input: Crossing | Presence): Direction | undefined => {
  if (input.kind === "crossing") return input.direction;
  if (input.change === "entered") return "entry";
  return input.reason !== undefined && cutOff.has(input.reason) ? undefined : "exit";
};

export const increment = (rule: IncrementRule): RuleLogic<Counting> => {
  const selected = selects(rule);
  const selectsAll = rule.objectTypes.includes("*") && rule.minConfidence <= 0;
  // Exits go by the verdict at the entry. Where nothing is refused or no exit counts, there is nothing to remember.
  const remembers = !selectsAll && rule.direction !== "entry";
  const takes = (verdicts: Verdicts, input: Crossing | Presence): boolean =>
    remembers && input.kind === "presence" ? judge(verdicts, selected, input) : selected(input.object);
  const initial = (): Counting => ({ rounds: new Map(), verdicts: new Map() });

  const count = (rounds: Map<Direction, Round>, direction: Direction, input: Crossing | Presence): readonly Conclusion[] => {
    const { object, at, cause } = input;
    const known = rounds.get(direction);
    if (known !== undefined && rule.countMode === "distinct" && known.objects.has(object.id)) return nothing;
    const round = known ?? { count: 0, start: at, end: at, from: cause.from, to: cause.to, objects: new Map() };
    round.count++;
    round.start = Math.min(round.start, at);
    round.end = Math.max(round.end, at);
    round.from = earlier(round.from, cause.from);
    round.to = later(round.to, cause.to);
    round.objects.set(object.id, copyOf(object));
    if (round.count < rule.countThreshold) {
      rounds.set(direction, round);
      return nothing;
    }
    rounds.delete(direction);
    const { start, end, from, to, objects } = round;
    return [
      {
        kind: "raised",
        direction,
        count: round.count,
        start,
        end,
        at: input.kind === "crossing" ? input.confirmedAt : at,
        objects: [...objects.values()],
        cause: { from, to },
        subject: "",
        open: false,
      },
    ];
  };

  return {
    name: "increment",
    version: 1,
    initial,
    hear: (state, input) => {
      if (input.kind === "ended") {
        if (input.reason === "sensor_lost") return nothing;
        state.rounds.clear();
        state.verdicts.clear();
        return nothing;
      }
      if (input.kind === "present" && remembers) state.verdicts.set(input.object.id, selected(input.object));
      if (input.kind !== "crossing" && input.kind !== "presence") return nothing;
      if (!takes(state.verdicts, input)) return nothing;
      const direction = directionOf(input);
      if (direction === undefined || (rule.direction !== undefined && rule.direction !== direction)) return nothing;
      return count(state.rounds, direction, input);
    },
    save: ({ rounds, verdicts }) => ({ rounds: [...rounds].map(saveRound), verdicts: saveVerdicts(verdicts) }),
    load: (saved) => {
      const { rounds, verdicts } = saved as { rounds: Json[]; verdicts: Json };
      return { rounds: new Map(rounds.map(loadRound)), verdicts: loadVerdicts(verdicts) };
    },
  };
};

const saveRound = ([direction, { count, start, end, from, to, objects }]: readonly [Direction, Round]): Json => ({
  direction,
  count,
  start,
  end,
  from: saveFrameRef(from),
  to: saveFrameRef(to),
  objects: [...objects.values()].map(saveSighting),
});

const loadRound = (saved: Json): [Direction, Round] => {
  const { direction, count, start, end, from, to, objects } = saved as {
    [k in "count" | "start" | "end"]: number;
  } & { direction: Direction; from: Json; to: Json; objects: Json[] };
  const sightings = objects.map(loadSighting).map((object): [string, Sighting] => [object.id, object]);
  return [direction, { count, start, end, from: loadFrameRef(from), to: loadFrameRef(to), objects: new Map(sightings) }];
};
