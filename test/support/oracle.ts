/**
 * Ground truth: what must follow from a camera's log by the numbered sentences at the heads of domain/rules. Naive, slow, and sharing no
 * code with these or with analytics: it takes the whole list at once and looks for everything in all of it. It knows no batches and keeps
 * no state to save.
 */
import { createHash } from "node:crypto";
import type { Analytic, Rule, Schedule, SensorSettings } from "../../domain/camera.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { Alert, Coverage, Crossing, EndReason, Fact, PlaceRef, Presence } from "../../domain/event.ts";
import { coverageOf } from "./oracle/coverage.ts";
import { crossingsOf, ENTERED, inOrder, type Known, LEFT, type Seen, type Stay, type Stretch, staysOf } from "./oracle/places.ts";
import { type Raised, raisedBy } from "./oracle/rules.ts";
import { type InForce, type Moment, timeline } from "./oracle/timeline.ts";

/** An alert without its sentence: the oracle does not write prose. */
export type ExpectedAlert = Omit<Alert, "description">;
export type Expected = {
  readonly crossings: readonly Crossing[];
  readonly presence: readonly Presence[];
  readonly coverage: readonly Coverage[];
  readonly alerts: readonly ExpectedAlert[];
};

/** A time during which one tag held; `end` is the moment at which it no longer did. */
type Life = { readonly tag: string; readonly moments: readonly Moment[]; readonly end: Moment | undefined; readonly value: InForce };

const livesOf = (moments: readonly Moment[], tagOf: (now: InForce) => string | undefined): readonly Life[] => {
  const lives: Life[] = [];
  let open: { tag: string; moments: Moment[]; value: InForce } | undefined;
  for (const moment of moments) {
    const tag = tagOf(moment.after);
    if (open !== undefined && open.tag !== tag) {
      lives.push({ ...open, end: moment });
      open = undefined;
    }
    if (open === undefined && tag !== undefined) open = { tag, moments: [], value: moment.after };
    open?.moments.push(moment);
  }
  return open === undefined ? lives : [...lives, { ...open, end: undefined }];
};

const reasonOf = (moment: Moment): EndReason | undefined =>
  typeof moment.what === "object" && "ends" in moment.what ? moment.what.ends : undefined;

/** A life cut where time or the camera ended. */
const stretchesOf = (life: Life, cuts: readonly EndReason[]): readonly Stretch[] => {
  const stretches: Stretch[] = [];
  let moments: Moment[] = [];
  for (const moment of life.moments) {
    const reason = reasonOf(moment);
    if (reason !== undefined && cuts.includes(reason)) {
      stretches.push({ moments, end: { moment, reason } });
      moments = [];
    } else moments.push(moment);
  }
  return [...stretches, { moments, end: life.end === undefined ? undefined : { moment: life.end, reason: "redefined" } }];
};

const placeKey = (analytic: Analytic, id: string): string => (analytic === "fov" ? "fov" : `${analytic}/${id}`);

/** The revision at which a place, as it is seen with these settings, last changed; undefined where there is none. */
const placeVersion = (now: InForce, analytic: Analytic, id: string): number | undefined => {
  if (analytic === "fov") return now.settings.version;
  const place = analytic === "tripwire" ? now.tripwires.get(id) : now.rois.get(id);
  return place === undefined ? undefined : Math.max(place.version, now.settings.version);
};

const placeTag = (now: InForce, analytic: Analytic, id: string): string | undefined => {
  const version = placeVersion(now, analytic, id);
  return version === undefined ? undefined : `${version} ${now.epochs.get(placeKey(analytic, id)) ?? 0}`;
};

const ruleTag = (now: InForce, ruleId: string): string | undefined => {
  const rule = now.rules.get(ruleId);
  if (rule === undefined || !rule.enabled) return undefined;
  const place = placeTag(now, rule.analytic, rule.placeId);
  return place === undefined ? undefined : `${rule.version} ${place}`;
};

/** UUID version 5 by RFC 9562, with node's own SHA-1. */
const uuid5 = (namespace: string, name: string): string => {
  const digest = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name, "utf8")
    .digest();
  digest.writeUInt8((digest.readUInt8(6) % 16) + 0x50, 6);
  digest.writeUInt8((digest.readUInt8(8) % 64) + 0x80, 8);
  return digest.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
};
const ALERTS = "7c0b1f4e-95a3-5d7e-8a52-61f0d3c4e2b9";
const named = (parts: readonly (string | undefined)[]): string =>
  uuid5(ALERTS, parts.map((part) => (part === undefined ? "-;" : `${part.length}:${part};`)).join(""));

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/** Whether the zone's wall clock stands in a window; one that ends before it begins goes on into the next day. */
const withinSchedule = (schedule: Schedule | undefined, at: Instant): boolean => {
  if (schedule === undefined) return true;
  const wall = new Intl.DateTimeFormat("en-GB", {
    timeZone: schedule.timezone,
    weekday: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const part = (type: string): string => wall.formatToParts(at).find((piece) => piece.type === type)?.value ?? "";
  const day = part("weekday").toLowerCase();
  const dayBefore = DAYS[(DAYS.indexOf(day) + 6) % 7];
  const clock = `${part("hour")}:${part("minute")}`;
  return schedule.windows.some(({ days, from, to }) => {
    const has = (name: string | undefined): boolean => days.some((one) => one === name);
    if (from < to) return has(day) && from <= clock && clock < to;
    return (has(day) && clock >= from) || (has(dayBefore) && clock < to);
  });
};

const idsOf = (moments: readonly Moment[], pick: (now: InForce) => Iterable<string>): readonly string[] => [
  ...new Set(moments.flatMap(({ after }) => [...pick(after)])),
];

type Told = Crossing | Presence;
type PlaceTold = { readonly events: readonly Known<Told>[]; readonly stays: readonly Stay[] };

/** Leavings that are the end of the rule's own time, too: nobody walked out. */
const CLOSING: readonly (EndReason | undefined)[] = ["clock_reset", "redefined"];

/** A stay that was open when a rule began, as that rule sees it: it begins then, with the object as it was last seen there. */
const openAt = (stay: Stay, began: Moment): Stay => {
  const { at, seq, fact, last } = began;
  const newest = stay.seen.findLast((sight) => sight.moment.seq < seq) as Seen;
  const cause = { from: stay.entered.cause.from, to: last ?? stay.entered.cause.to };
  const known = { at, byTimer: false, seq, phase: ENTERED };
  const entered = { ...stay.entered, object: newest.object, at, receivedAt: fact.receivedAt, cause, known };
  return { ...stay, entered, seen: [{ ...newest, at, moment: began }, ...stay.seen.filter((sight) => sight.moment.seq > seq)] };
};

/** What became known inside a stretch of a rule's life: after it began, and up to the leavings with which it ends. */
const heardIn = ({ events, stays }: PlaceTold, stretch: Stretch, after: number, began: Moment) => {
  const until = stretch.end?.moment.seq ?? Number.POSITIVE_INFINITY;
  const inside = (event: Known<Told>): boolean =>
    event.known.seq > after && (event.known.seq < until || (event.known.seq === until && event.known.phase === LEFT));
  const within = (stay: Stay): Stay => ({
    ...stay,
    left: stay.left !== undefined && inside(stay.left) && !CLOSING.includes(stay.left.reason) ? stay.left : undefined,
    seen: stay.seen.filter(({ moment }) => moment.seq < until),
  });
  return {
    stretch,
    events: events.filter(inside),
    stays: [
      ...stays
        .filter(({ entered, left }) => entered.known.seq <= after && (left === undefined || left.known.seq > after))
        .map((stay) => openAt(within(stay), began)),
      ...stays.filter(({ entered }) => inside(entered)).map(within),
    ],
  };
};

/** Everything that follows from the facts of one camera, in the order in which the engine tells it. `initial`: the settings nobody has set. */
export const expected = (facts: readonly Fact[], initial: SensorSettings): Expected => {
  const [first] = facts;
  if (first === undefined) return { crossings: [], presence: [], coverage: [], alerts: [] };
  const camera = { tenant: first.tenant, camera: first.camera };
  const moments = timeline(facts, initial);
  const places: { readonly analytic: Analytic; readonly id: string }[] = [
    { analytic: "fov", id: camera.camera },
    ...idsOf(moments, (now) => now.rois.keys()).map((id) => ({ analytic: "roi" as const, id })),
    ...idsOf(moments, (now) => now.tripwires.keys()).map((id) => ({ analytic: "tripwire" as const, id })),
  ];
  const told = new Map<string, PlaceTold>();
  for (const { analytic, id } of places) {
    const events: Known<Told>[] = [];
    const stays: Stay[] = [];
    for (const life of livesOf(moments, (now) => placeTag(now, analytic, id))) {
      const place: PlaceRef = { analytic, id, epoch: life.value.epochs.get(placeKey(analytic, id)) ?? 0 };
      const wire = analytic === "tripwire" ? life.value.tripwires.get(id) : undefined;
      if (wire !== undefined)
        for (const stretch of stretchesOf(life, ["clock_reset"])) events.push(...crossingsOf(stretch, place, wire, camera));
      else
        for (const stretch of stretchesOf(life, ["sensor_lost", "clock_reset"]))
          stays.push(...staysOf(stretch, place, life.value.rois.get(id), life.value.settings.fov, camera));
    }
    for (const { entered, left } of stays) events.push(entered, ...(left === undefined ? [] : [left]));
    told.set(placeKey(analytic, id), { events: byStretch(events, moments), stays });
  }

  const alerts = idsOf(moments, (now) => now.rules.keys()).flatMap((ruleId) => {
    const names = new Map<string, number>();
    return livesOf(moments, (now) => ruleTag(now, ruleId)).flatMap((life) => {
      const rule = life.value.rules.get(ruleId) as Rule & { readonly version: number };
      const version = Math.max(rule.version, placeVersion(life.value, rule.analytic, rule.placeId) as number);
      let after =
        (life.moments[0] as Moment).seq - (reasonOf(life.moments[0] as Moment) === undefined && isFact(life.moments[0] as Moment) ? 1 : 0);
      // A cooldown outlives a lost camera, not a clock set back: by the new clock its end may be years ahead.
      const cooling = new Map<string | undefined, Instant>();
      return stretchesOf(life, endsOf(rule)).flatMap((stretch) => {
        const place = told.get(placeKey(rule.analytic, rule.placeId)) as PlaceTold;
        const raised = [...raisedBy(rule, heardIn(place, stretch, after, life.moments[0] as Moment))].sort(
          (a, b) => a.raisedAt - b.raisedAt || a.order - b.order,
        );
        after = stretch.end?.moment.seq ?? after;
        const raisedInTime = admitted(rule, raised, cooling);
        if (stretch.end?.reason === "clock_reset") cooling.clear();
        return raisedInTime.flatMap((one) => alertsOf(one, rule, version, life.value, camera, names));
      });
    });
  });

  const all = [...told.values()].flatMap(({ events }) => events);
  const plain = <T extends Told>(event: Known<T>): T => {
    const { known: _, ...rest } = event;
    return rest as unknown as T;
  };
  return {
    crossings: all.filter((event) => event.kind === "crossing").map((event) => plain(event as Known<Crossing>)),
    presence: all.filter((event) => event.kind === "presence").map((event) => plain(event as Known<Presence>)),
    coverage: coverageOf(moments, camera),
    alerts,
  };
};

/** What counts goes on counting when the camera comes back; what waits for someone present starts afresh. */
const endsOf = (rule: Rule): readonly EndReason[] =>
  rule.ruleType === "occupancy" || rule.ruleType === "notify" ? ["sensor_lost", "clock_reset"] : ["clock_reset"];

/** A life may begin with a frame (the field of view is there before any definition); then that frame belongs to it. */
const isFact = (moment: Moment): boolean => moment.what !== "redefined";

/** In the order in which the engine tells within each time of the sensor: a clock that was reset starts a new one. */
const byStretch = (events: readonly Known<Told>[], moments: readonly Moment[]): readonly Known<Told>[] => {
  const resets = moments.filter((moment) => reasonOf(moment) !== undefined).map(({ seq }) => seq);
  const eraOf = (event: Known<Told>): number => resets.filter((seq) => seq < event.known.seq).length;
  return [...events].sort((a, b) => eraOf(a) - eraOf(b) || inOrder(a, b));
};

/** Leaves out what would start being raised outside the schedule or in a cooldown. */
const admitted = (rule: Rule, raised: readonly Raised[], lastOf: Map<string | undefined, Instant>): readonly Raised[] => {
  return raised.filter(({ raisedAt, cooldownOf }) => {
    const before = lastOf.get(cooldownOf);
    if (before !== undefined && raisedAt - before < rule.cooldown * 1000) return false;
    if (!withinSchedule(rule.schedule, raisedAt)) return false;
    lastOf.set(cooldownOf, raisedAt);
    return true;
  });
};

/** Revision 0, and revision 1 where it ended. `names` counts, over the rule's whole history, how often a name was given. */
const alertsOf = (
  raised: Raised,
  rule: Rule,
  version: number,
  now: InForce,
  camera: { readonly tenant: string; readonly camera: string },
  names: Map<string, number>,
): readonly ExpectedAlert[] => {
  const { direction, count, start, end, raisedAt, receivedAt, objects, cause, ends } = raised;
  const { analytic, placeId } = rule;
  const name = [camera.tenant, rule.ruleId, `${version}`, camera.camera, analytic, placeId, direction, `${start}`];
  const ordinal = names.get(JSON.stringify(name)) ?? 0;
  names.set(JSON.stringify(name), ordinal + 1);
  const placeName = (analytic === "tripwire" ? now.tripwires : now.rois).get(placeId)?.name ?? "";
  const alert: ExpectedAlert = {
    kind: "alert",
    ...camera,
    receivedAt,
    id: named([...name, `${ordinal}`]),
    revision: 0,
    retracted: false,
    ruleId: rule.ruleId,
    ruleName: rule.name,
    ruleType: rule.ruleType,
    ruleVersion: version,
    severity: rule.severity,
    place: { analytic, id: placeId, epoch: now.epochs.get(placeKey(analytic, placeId)) ?? 0 },
    placeName: analytic === "fov" ? camera.camera : placeName,
    direction,
    count,
    start,
    end,
    raisedAt,
    objects,
    cause,
  };
  if (ends === undefined) return [alert];
  const closing = {
    revision: 1,
    end: ends.end,
    raisedAt: ends.raisedAt,
    receivedAt: ends.receivedAt,
    cause: { from: cause.from, to: ends.to },
  };
  return [alert, { ...alert, ...closing }];
};
