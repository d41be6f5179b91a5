/** Random histories of a camera, seeded: every kind of event the warehouse keeps, with repeats, revisions, deleted histories and odd names. */
import type { Analytic, Direction, RuleType } from "../../domain/camera.ts";
import type { Alert, Crossing, Derived, DetectedObject, Fact, FrameRef, PlaceRef, Presence } from "../../domain/event.ts";

/** Mulberry32: a seed gives the same sequence everywhere. */
export const dice = (seed: number) => {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const upTo = (n: number): number => Math.floor(next() * n);
  return { next, upTo, one: <T>(of: readonly T[]): T => of[upTo(of.length)] as T, chance: (p: number): boolean => next() < p };
};
export type Dice = ReturnType<typeof dice>;

const TYPES = ["Person", "Vehicle", "*", "vélo 'x'", "自転車"];
const IDS = ["1", "2", "3", "10", "näher", "😀", 'q"\\', "a b"];
export const WIRES = ["gate", "dock's", "w\\3"];
export const ROIS = ["yard", "lobby"];
const MODELS = [undefined, "v1", "näher@2"];
export const BEGIN = 1_520_785_000_000;
export const SPAN = 120_000;
/** How long before `BEGIN` the oldest alerts lie: two years. */
export const EARLIER = 730 * 86_400_000;

const ref = (timestamp: number): FrameRef => ({ timestamp, id: `f${timestamp}`, modelVersion: MODELS[timestamp % MODELS.length] });
const objectOf = (d: Dice, id = d.one(IDS)): DetectedObject => {
  const leftX = d.next() * 1900;
  const topY = d.next() * 1000 - 3;
  return {
    id,
    type: d.one(TYPES),
    bbox: { leftX, topY, rightX: leftX + d.next() * 90, bottomY: topY + d.next() * 180 },
    confidence: d.chance(0.3) ? undefined : d.next(),
    info: d.chance(0.7)
      ? undefined
      : [
          ["__proto__", "x\u0000y"],
          ["colour", d.one(["red", "o'r", "\\n"])],
        ],
  };
};

/** Instants are coarse, so that many events share one. */
export const historyOf = (seed: number, tenant: string, camera: string, size: number): { facts: Fact[]; derived: Derived[] } => {
  const d = dice(seed);
  const moment = (): number => BEGIN + d.upTo(SPAN / 250) * 250;
  const place = (analytic: Analytic): PlaceRef => ({
    analytic,
    id: analytic === "fov" ? camera : d.one(analytic === "roi" ? ROIS : WIRES),
    epoch: d.upTo(3),
  });
  const envelope = () => ({ tenant, camera, receivedAt: BEGIN + d.upTo(10 * SPAN) });
  // The word of coverage and of stays ends early in some histories, while frames go on: the minute nobody was told of yet.
  const heard = d.one([SPAN, SPAN, SPAN / 4]);
  const isWatched = heard === SPAN || d.chance(0.7);
  const toldMoment = (): number => BEGIN + d.upTo(heard / 250) * 250;
  const facts: Fact[] = [];
  const derived: Derived[] = [];
  for (let i = 0; i < size; i++) {
    const timestamp = moment();
    facts.push({
      ...envelope(),
      kind: "frame",
      timestamp,
      id: d.one(["", "a", "b", `f${timestamp}`]),
      modelVersion: d.chance(0.5) ? undefined : "v1",
      objects: Array.from({ length: d.upTo(5) }, () => objectOf(d, d.chance(0.1) ? "" : d.one(IDS))),
    });
    if (d.chance(0.1)) facts.push({ ...envelope(), kind: "heartbeat", at: moment(), frame: ref(timestamp), release: false });
    const at = moment();
    derived.push({
      ...envelope(),
      kind: "crossing",
      place: place("tripwire"),
      object: objectOf(d),
      direction: d.one<Direction>(["entry", "exit"]),
      at,
      confirmedAt: at + d.upTo(3) * 250,
      late: d.chance(0.1),
      cause: { from: ref(at), to: ref(at + 250) },
    });
    presences(d, place(d.one<Analytic>(["fov", "roi"])), toldMoment(), envelope, derived);
    if (isWatched && d.chance(0.5)) {
      const start = toldMoment();
      for (let told = 0; told <= d.upTo(3); told++) {
        derived.push({ ...envelope(), kind: "coverage", start, end: start + d.upTo(20) * 250, open: d.chance(0.5) });
      }
    }
    revisions(
      d,
      `${seed.toString(16).padStart(8, "0")}-${String(i).padStart(4, "0")}`,
      place(d.one<Analytic>(["fov", "roi", "tripwire"])),
      moment(),
      envelope,
      derived,
    );
  }
  // Where silence ended the last interval there are no frames in the 5 s before its end; elsewhere the camera's state did.
  const last = derived.reduce((most, e) => (e.kind === "coverage" ? Math.max(most, e.end) : most), 0);
  const isSilent = d.chance(0.6);
  const isKept = (fact: Fact): boolean => !(isSilent && fact.kind === "frame" && fact.timestamp > last - 5000 && fact.timestamp < last);
  facts.splice(0, facts.length, ...facts.filter(isKept));
  for (let i = d.upTo(8); i > 0; i--) {
    const state = d.one(["online", "offline", "removed", "other", "other"] as const);
    facts.push({
      ...envelope(),
      kind: "camera-state",
      at: moment(),
      state,
      change: d.one([undefined, "camera_add"]),
      reason: d.one([undefined, "it's gone"]),
    });
  }
  derived.push(...corrections(dice(seed + 1), derived, envelope));
  const repeats = <E>(all: E[]): E[] => all.flatMap((e, i) => (d.chance(0.05) && i > 0 ? [e, all[d.upTo(i)] as E] : [e]));
  return { facts: repeats(facts), derived: repeats(derived) };
};

type Envelope = () => { readonly tenant: string; readonly camera: string; readonly receivedAt: number };

/** Most stays end; some are still open, some lost their entry. */
const presences = (d: Dice, place: PlaceRef, start: number, envelope: Envelope, into: Derived[]): void => {
  const object = objectOf(d);
  const cause = { from: ref(start - 500), to: ref(start) };
  const common = { ...envelope(), kind: "presence" as const, place, start, firstSeen: start - 500, cause };
  if (!d.chance(0.05)) into.push({ ...common, change: "entered", object, at: start, reason: undefined });
  if (d.chance(0.12)) return;
  const last = { ...objectOf(d), id: object.id };
  into.push({
    ...common,
    change: "left",
    object: last,
    at: start + d.upTo(60) * 250,
    reason: d.one(["left", "timeout", "sensor_lost"] as const),
  });
};

/** What recomputations said of some crossings and stays: that they were none, that they were otherwise, that they were after all. */
const corrections = (d: Dice, all: readonly Derived[], envelope: Envelope): readonly Derived[] => {
  const stays = new Map<string, Presence[]>();
  for (const one of all) {
    if (one.kind !== "presence") continue;
    const name = JSON.stringify([one.place, one.object.id, one.start]);
    stays.set(name, [...(stays.get(name) ?? []), one]);
  }
  const said: Derived[] = [];
  const correct = (told: readonly (Crossing | Presence)[]): void => {
    for (let revision = 1; revision <= (d.chance(0.2) ? 1 + d.upTo(3) : 0); revision++) {
      const retracted = d.chance(0.6);
      const { receivedAt } = envelope();
      for (const one of told) {
        const object = retracted ? one.object : { ...objectOf(d), id: one.object.id };
        said.push({ ...one, receivedAt, object, correction: { revision, retracted } });
      }
    }
  };
  for (const one of all) if (one.kind === "crossing") correct([one]);
  for (const told of stays.values()) correct(told);
  return said;
};

const revisions = (d: Dice, id: string, place: PlaceRef, start: number, envelope: Envelope, into: Derived[]): void => {
  const ruleType = d.one<RuleType>(["increment", "occupancy", "occupancy_threshold_switch", "flowrate", "notify"]);
  const rule = d.upTo(3);
  // Some lie long before the others: the search for the latest looks back in steps.
  if (d.chance(0.4)) start -= d.upTo(EARLIER / 3_600_000) * 3_600_000;
  const direction = place.analytic === "tripwire" ? d.one<Alert["direction"]>(["entry", "exit", undefined]) : undefined;
  for (let revision = 0; revision <= (d.chance(0.3) ? 1 + d.upTo(2) : 0); revision++) {
    const end = start + d.upTo(80) * 250;
    into.push({
      ...envelope(),
      kind: "alert",
      id,
      revision,
      retracted: revision > 0 && d.chance(0.3),
      ruleId: `r${rule}`,
      ruleName: `Rule ${rule}, ${d.one(["old", "new"])}`,
      ruleType,
      ruleVersion: 1 + d.upTo(4),
      severity: d.one(["info", "warning", "critical"] as const),
      place,
      placeName: place.id.toUpperCase(),
      direction,
      count: d.upTo(9),
      start,
      end,
      raisedAt: end,
      description: "more than 1 people",
      objects: ruleType === "occupancy_threshold_switch" ? undefined : Array.from({ length: d.upTo(3) }, () => objectOf(d)),
      cause: { from: ref(start), to: ref(end) },
    });
  }
};
