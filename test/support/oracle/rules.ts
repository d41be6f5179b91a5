/** What each rule type concludes from what it heard. Every run, window and round is looked for in the whole list at once. */
import type {
  Direction,
  FlowrateRule,
  IncrementRule,
  NotifyRule,
  OccupancyRule,
  Rule,
  ThresholdSwitchRule,
} from "../../../domain/camera.ts";
import type { Instant } from "../../../domain/envelope.ts";
import type { Crossing, DetectedObject, FrameRef, Presence } from "../../../domain/event.ts";
import type { Known, Seen, Stay, Stretch } from "./places.ts";
import { inOrder, reaches, refOf } from "./places.ts";
import type { Moment } from "./timeline.ts";

/** An alert as far as a rule decides it. `ends` is the closing revision of an occupancy. */
export type Raised = {
  readonly direction: Direction | "up" | "down" | undefined;
  readonly count: number;
  readonly start: Instant;
  readonly end: Instant;
  readonly raisedAt: Instant;
  readonly receivedAt: Instant;
  readonly objects: readonly DetectedObject[] | undefined;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
  /** Whose cooldown; undefined: the rule's. */
  readonly cooldownOf: string | undefined;
  /** Which came first of those raised at one instant. */
  readonly order: number;
  readonly ends: { readonly end: Instant; readonly raisedAt: Instant; readonly receivedAt: Instant; readonly to: FrameRef } | undefined;
};

type Event = Known<Crossing | Presence>;
/** What a rule heard in one stretch of its life. `stays` began in it, or were open as the rule began and begin with it. */
export type Heard = {
  readonly stretch: Stretch;
  readonly events: readonly Event[];
  readonly stays: readonly Stay[];
};

/** By type and confidence; an object without confidence satisfies only 0. */
export const selects = (rule: Rule, object: DetectedObject): boolean =>
  (rule.objectTypes.includes("*") || rule.objectTypes.includes(object.type)) &&
  (rule.minConfidence <= 0 || (object.confidence !== undefined && object.confidence >= rule.minConfidence));

const instantOf = (event: Event): Instant => event.at;
const directionOf = (event: Event): Direction =>
  event.kind === "crossing" ? event.direction : event.change === "entered" ? "entry" : "exit";

/** A stay that was cut off is no exit: nobody was seen walking out. */
const CUT_OFF: readonly (string | undefined)[] = ["sensor_lost", "clock_reset", "redefined"];

/** What a counting rule counts. Whoever was taken at the entry is taken at the exit, and nobody else. */
const counted = (rule: Rule, { events, stays }: Heard, direction: Direction | undefined): readonly Event[] =>
  events.filter((event) => {
    if (direction !== undefined && directionOf(event) !== direction) return false;
    if (event.kind === "crossing" || event.change === "entered") return selects(rule, event.object);
    const stay = stays.find(({ left }) => left === event);
    return !CUT_OFF.includes(event.reason) && selects(rule, (stay?.entered ?? event).object);
  });

/** As an alert keeps it: without attributes. */
const bare = ({ id, type, bbox, confidence }: DetectedObject): DetectedObject => ({ id, type, bbox, confidence, info: undefined });
/** Each object once, in the order of first being counted, as it was when last counted. */
const once = (events: readonly Event[]): readonly DetectedObject[] =>
  [...new Set(events.map(({ object }) => object.id))].map((id) =>
    bare((events.findLast(({ object }) => object.id === id) as Event).object),
  );
/** The earliest and the latest frame that any of them names; of equal ones the first heard and the last heard. */
const spanOf = (events: readonly Event[]): Raised["cause"] => ({
  from: events.map(({ cause }) => cause.from).reduce((known, next) => (next.timestamp < known.timestamp ? next : known)),
  to: events.map(({ cause }) => cause.to).reduce((known, next) => (next.timestamp >= known.timestamp ? next : known)),
});

const increments = (rule: IncrementRule, heard: Heard): readonly Raised[] => {
  const directions: readonly Direction[] = rule.direction === undefined ? ["entry", "exit"] : [rule.direction];
  return directions.flatMap((direction) => {
    const raised: Raised[] = [];
    let round: Event[] = [];
    for (const event of counted(rule, heard, direction)) {
      if (rule.countMode === "distinct" && round.some((other) => other.object.id === event.object.id)) continue;
      round.push(event);
      if (round.length < rule.countThreshold) continue;
      const instants = round.map(instantOf);
      raised.push({
        direction,
        count: round.length,
        start: Math.min(...instants),
        end: Math.max(...instants),
        raisedAt: event.known.at,
        receivedAt: event.receivedAt,
        objects: once(round),
        cause: spanOf(round),
        cooldownOf: undefined,
        order: heard.events.indexOf(event),
        ends: undefined,
      });
      round = [];
    }
    return raised;
  });
};

const flowrates = (rule: FlowrateRule, heard: Heard): readonly Raised[] => {
  const raised: Raised[] = [];
  const windowMs = rule.timeInterval * 1000;
  const crossings = counted(rule, heard, rule.direction) as readonly Known<Crossing>[];
  let armed = true;
  crossings.forEach((crossing, i) => {
    const before = crossings.slice(0, i);
    const holding = (list: readonly Known<Crossing>[], t: Instant) => list.filter(({ at }) => at > t - windowMs);
    const newest = Math.max(...before.map(instantOf));
    // How few there were in the last millisecond before this one.
    if (crossing.at > newest && holding(before, crossing.at - 1).length < rule.countThreshold) armed = true;
    const t = Math.max(newest, crossing.at);
    const window = [...holding([...before, crossing], t)].sort((a, b) => a.at - b.at);
    if (!armed || window.length < rule.countThreshold || !window.includes(crossing)) return;
    armed = false;
    raised.push({
      direction: rule.direction,
      count: window.length,
      start: (window[0] as Known<Crossing>).at,
      end: crossing.at,
      raisedAt: crossing.confirmedAt,
      receivedAt: crossing.receivedAt,
      objects: once(window),
      cause: spanOf(window),
      cooldownOf: undefined,
      order: i,
      ends: undefined,
    });
  });
  return raised;
};

/** What was so from `from` on: how many were counted and who. Ordered; several may begin at one instant. */
type State = {
  readonly from: Instant;
  readonly members: readonly Stay[];
  readonly seq: number;
  /** Of the entry or leaving that made it so. */
  readonly cause: Raised["cause"];
};
/** A longest stretch of states for which something held, ended by `to` (undefined: it still holds at the end of what was heard). */
type Piece = { readonly from: Instant; readonly to: Instant | undefined; readonly first: number; readonly last: number };

const piecesWhere = (states: readonly State[], holds: (state: State) => boolean): readonly Piece[] => {
  const pieces: Piece[] = [];
  states.forEach((state, i) => {
    if (!holds(state)) return;
    const before = pieces.at(-1);
    const next = states[i + 1];
    const piece = { from: state.from, to: next?.from, first: i, last: i };
    if (before !== undefined && before.last === i - 1) pieces[pieces.length - 1] = { ...before, to: next?.from, last: i };
    else pieces.push(piece);
  });
  return pieces;
};

/** The stays a rule counts, as the states between entering and leaving. A stay counts `after` so many milliseconds. */
const statesOf = (rule: Rule, { stays, stretch }: Heard, after: number): readonly State[] => {
  const mine = stays.filter((stay) => selects(rule, stay.entered.object));
  type Change = {
    readonly at: Instant;
    readonly order: readonly number[];
    readonly stay: Stay;
    readonly joins: boolean;
    readonly seq: number;
  };
  const changes: Change[] = mine.flatMap((stay) => {
    const joinsAt = stay.entered.at + after;
    const left = stay.left;
    if (left !== undefined && left.at < joinsAt) return [];
    const known = stay.entered.known;
    const rung = after === 0 ? undefined : reaches(stretch, joinsAt);
    if (after > 0 && rung === undefined) return [];
    const joins: Change = {
      at: joinsAt,
      order: after > 0 ? [0, 0, 0] : [2, known.seq, 2],
      stay,
      joins: true,
      seq: rung?.seq ?? known.seq,
    };
    if (left === undefined) return [joins];
    return [
      joins,
      { at: left.at, order: left.known.byTimer ? [1, 0, 0] : [2, left.known.seq, 1], stay, joins: false, seq: left.known.seq },
    ];
  });
  changes.sort(
    (a, b) =>
      a.at - b.at ||
      (a.order[0] as number) - (b.order[0] as number) ||
      (a.order[1] as number) - (b.order[1] as number) ||
      (a.order[2] as number) - (b.order[2] as number) ||
      (a.stay.object < b.stay.object ? -1 : 1),
  );
  let members: readonly Stay[] = [];
  return changes.map((change) => {
    members = change.joins ? [...members, change.stay] : members.filter((stay) => stay !== change.stay);
    const event = change.joins ? change.stay.entered : (change.stay.left as Known<Presence>);
    return { from: change.at, members, seq: change.seq, cause: event.cause };
  });
};

/** What last bore on the count before this instant. */
const lastBefore = (rule: Rule, { stays }: Heard, at: Instant): FrameRef => {
  const changes = stays
    .filter(({ entered }) => selects(rule, entered.object))
    .flatMap(({ entered, left }) => (left === undefined ? [entered] : [entered, left]))
    .filter((event) => event.at < at)
    .sort(inOrder);
  return (changes.at(-1) as Event).cause.to;
};

const lastFrame = (moment: Moment): FrameRef => moment.last ?? { timestamp: 0, id: "", modelVersion: undefined };

const occupancies = (rule: OccupancyRule, heard: Heard): readonly Raised[] => {
  const { stretch } = heard;
  const [d, g] = [rule.timeInterval * 1000, rule.gap * 1000];
  const dwell = rule.of === "dwell";
  const states = statesOf(rule, heard, dwell ? d : 0);
  const pieces = piecesWhere(states, ({ members }) => members.length > rule.countThreshold);
  const runs: Piece[][] = [];
  for (const piece of pieces) {
    const before = runs.at(-1)?.at(-1);
    if (before?.to !== undefined && piece.from - before.to <= g) runs.at(-1)?.push(piece);
    else runs.push([piece]);
  }
  /** Who is present, whether or not for long enough, just before what happens at this instant. */
  const presentBefore = (at: Instant): readonly Stay[] =>
    heard.stays
      .filter(({ entered, left }) => selects(rule, entered.object) && entered.at < at && (left === undefined || left.at >= at))
      .sort((a, b) => inOrder(a.entered, b.entered));

  return runs.flatMap((run) => {
    const began = run[0] as Piece;
    const due = dwell ? began.from : began.from + d;
    const holding =
      run.find((piece) => piece.from <= due && (piece.to === undefined || piece.to >= due)) ?? run.find((piece) => piece.from > due);
    if (holding === undefined) return [];
    const at = Math.max(due, holding.from);
    const moment = reaches(stretch, at);
    if (moment === undefined) return [];
    // Raised by an entry (nothing to wait for, or back from a dip), or by a timer: then whoever comes or goes at that instant does so after it.
    const byEntry = at === holding.from && !(dwell && d > 0);
    const entry = states[holding.first] as State;
    const present = byEntry ? entry.members : presentBefore(at);
    const decisive = states[began.first] as State;
    const last = run.at(-1) as Piece;
    const overAt = last.to === undefined ? undefined : last.to + g + 1;
    const over = overAt === undefined ? undefined : reaches(stretch, overAt);
    const { end } = stretch;
    const ends =
      over !== undefined && overAt !== undefined
        ? { end: last.to as Instant, raisedAt: overAt, receivedAt: over.fact.receivedAt, to: lastBefore(rule, heard, overAt) }
        : end && {
            end: last.to ?? end.moment.at,
            raisedAt: end.moment.at,
            receivedAt: end.moment.fact.receivedAt,
            to: lastFrame(end.moment),
          };
    return [
      {
        direction: undefined,
        count: present.length,
        start: dwell ? began.from - d : began.from,
        end: at,
        raisedAt: at,
        receivedAt: (byEntry ? momentOf(stretch, entry.seq) : moment).fact.receivedAt,
        objects: present.map(({ entered }) => bare(entered.object)),
        cause: { from: decisive.cause.from, to: byEntry ? entry.cause.to : lastBefore(rule, heard, at) },
        cooldownOf: undefined,
        order: 0,
        ends,
      },
    ];
  });
};

const momentOf = ({ moments, end }: Stretch, seq: number): Moment =>
  [...moments, ...(end === undefined ? [] : [end.moment])].find((moment) => moment.seq === seq) as Moment;

const switches = (rule: ThresholdSwitchRule, heard: Heard): readonly Raised[] => {
  const { stretch } = heard;
  const hold = rule.hold * 1000;
  const states = statesOf(rule, heard, 0);
  const raised: Raised[] = [];
  let from = 0;
  for (let level: "up" | "down" = "up"; ; level = level === "up" ? "down" : "up") {
    const wanted = level;
    const found = piecesWhere(states.slice(from), ({ members }) =>
      wanted === "up" ? members.length > rule.countThreshold : members.length <= rule.countThreshold - rule.band,
    ).find((piece) => (piece.to === undefined || piece.to - piece.from >= hold) && reaches(stretch, piece.from + hold));
    if (found === undefined) return raised;
    const at = found.from + hold;
    const first = states[from + found.first] as State;
    const index = hold === 0 ? from + found.first : states.findLastIndex((one) => one.from < at);
    const moment = hold === 0 ? momentOf(stretch, first.seq) : (reaches(stretch, at) as Moment);
    raised.push({
      direction: level,
      count: (states[index] as State).members.length,
      start: found.from,
      end: at,
      raisedAt: at,
      receivedAt: moment.fact.receivedAt,
      objects: undefined,
      cause: { from: first.cause.from, to: (states[index] as State).cause.to },
      cooldownOf: undefined,
      order: raised.length,
      ends: undefined,
    });
    from = index + 1;
  }
};

/** Whether something stands in the newer attributes that did not stand in those of the sighting before. */
const gained = (before: Seen, now: Seen): boolean =>
  (now.object.info ?? []).some(([name, value]) => !(before.object.info ?? []).some(([old, was]) => old === name && was === value));

const notifications = (rule: NotifyRule, { stays }: Heard): readonly Raised[] => {
  const wanted = rule.attribute;
  const matches = ({ object }: Seen): boolean =>
    selects(rule, object) &&
    (wanted === undefined || (object.info ?? []).some(([name, value]) => name === wanted.name && value === wanted.value));
  const tell = (stay: Stay, told: Seen): Raised => {
    const frame = refOf(told.frame);
    return {
      direction: undefined,
      count: 1,
      start: stay.entered.firstSeen,
      end: told.at,
      raisedAt: told.at,
      receivedAt: told.moment.fact.receivedAt,
      objects: [bare(told.object)],
      cause: told === stay.seen[0] ? stay.entered.cause : { from: frame, to: frame },
      cooldownOf: stay.object,
      order: told.moment.seq * 2 + (told === stay.seen[0] ? 0 : 1),
      ends: undefined,
    };
  };
  const noticed = ({ seen }: Stay): Seen | undefined =>
    wanted === undefined ? undefined : seen.find((sight, i) => i > 0 && gained(seen[i - 1] as Seen, sight) && matches(sight));
  // When confirmed, or when the rule began: then, or once it has what is wanted.
  return stays
    .map((stay) => ({ stay, told: matches(stay.seen[0] as Seen) ? stay.seen[0] : noticed(stay) }))
    .sort((a, b) => (a.stay.object < b.stay.object ? -1 : 1))
    .flatMap(({ stay, told }) => (told === undefined ? [] : [tell(stay, told)]))
    .sort((a, b) => a.order - b.order);
};

export const raisedBy = (rule: Rule, heard: Heard): readonly Raised[] => {
  switch (rule.ruleType) {
    case "increment":
      return increments(rule, heard);
    case "occupancy":
      return occupancies(rule, heard);
    case "occupancy_threshold_switch":
      return switches(rule, heard);
    case "flowrate":
      return flowrates(rule, heard);
    case "notify":
      return notifications(rule, heard);
  }
};
