/**
 * What a derived event must have so that nobody who reads it stumbles: others can write to the topic, and JSON has no shape of its own.
 * Every event read goes through here, so it is written out: a table of names and checks takes five times as long.
 */
import type {
  Alert,
  Corrected,
  Correction,
  Crossing,
  Derived,
  FrameRef,
  PlaceRef,
  Presence,
  Recomputed,
  Sighting,
} from "../../domain/event.ts";
import { Damaged } from "../seal.ts";

const text = (value: unknown): boolean => typeof value === "string";
const number = (value: unknown): boolean => typeof value === "number";
const flag = (value: unknown): boolean => typeof value === "boolean";
const whole = Number.isSafeInteger;

/** It may be anything, whatever its type says: another kind of value has none of these. */
type Unsure<T> = T | undefined | null;

const isPlace = (place: Unsure<PlaceRef>): boolean => text(place?.analytic) && text(place?.id) && whole(place?.epoch);
const isFrame = (frame: Unsure<FrameRef>): boolean =>
  whole(frame?.timestamp) && text(frame?.id) && (frame?.modelVersion === undefined || text(frame.modelVersion));
const isCause = (cause: Unsure<Alert["cause"]>): boolean => isFrame(cause?.from) && isFrame(cause?.to);
/** One that is there says something: what is as it was found has none. */
const isCorrection = (correction: Unsure<Correction>): boolean =>
  correction === undefined || (whole(correction?.revision) && flag(correction?.retracted));
const isBox = (box: Unsure<Sighting["bbox"]>): boolean =>
  number(box?.leftX) && number(box?.topY) && number(box?.rightX) && number(box?.bottomY);
const isPair = (pair: unknown): boolean => Array.isArray(pair) && pair.length === 2 && text(pair[0]) && text(pair[1]);
const isObject = (object: Unsure<Sighting>): boolean =>
  text(object?.id) &&
  text(object?.type) &&
  isBox(object?.bbox) &&
  (object?.confidence === undefined || number(object.confidence)) &&
  (object?.info === undefined || (Array.isArray(object.info) && object.info.every(isPair)));

const isAlert = (alert: Alert): boolean =>
  text(alert.id) &&
  whole(alert.revision) &&
  flag(alert.retracted) &&
  text(alert.ruleId) &&
  text(alert.ruleName) &&
  text(alert.ruleType) &&
  whole(alert.ruleVersion) &&
  text(alert.severity) &&
  isPlace(alert.place) &&
  text(alert.placeName) &&
  (alert.direction === undefined || text(alert.direction)) &&
  whole(alert.count) &&
  whole(alert.start) &&
  whole(alert.end) &&
  whole(alert.raisedAt) &&
  text(alert.description) &&
  (alert.objects === undefined || (Array.isArray(alert.objects) && alert.objects.every(isObject))) &&
  isCause(alert.cause);

const isCrossing = (crossing: Crossing): boolean =>
  isPlace(crossing.place) &&
  isObject(crossing.object) &&
  (crossing.direction === "entry" || crossing.direction === "exit") &&
  whole(crossing.at) &&
  whole(crossing.confirmedAt) &&
  flag(crossing.late) &&
  isCorrection(crossing.correction) &&
  isCause(crossing.cause);

const isPresence = (presence: Presence): boolean =>
  (presence.change === "entered" || presence.change === "left") &&
  isPlace(presence.place) &&
  isObject(presence.object) &&
  whole(presence.at) &&
  whole(presence.start) &&
  whole(presence.firstSeen) &&
  (presence.reason === undefined || text(presence.reason)) &&
  isCorrection(presence.correction) &&
  isCause(presence.cause);

const isCorrected = (sum: Unsure<Corrected>): boolean => whole(sum?.raised) && whole(sum?.revised) && whole(sum?.retracted);

const isRecomputed = ({ id, from, to, events, alerts, crossings, stays, fault }: Recomputed): boolean =>
  text(id) &&
  whole(from) &&
  whole(to) &&
  whole(events) &&
  [alerts, crossings, stays].every(isCorrected) &&
  (fault === undefined || text(fault));

const isOfItsKind = (event: Derived): boolean => {
  switch (event.kind) {
    case "alert":
      return isAlert(event);
    case "crossing":
      return isCrossing(event);
    case "presence":
      return isPresence(event);
    case "coverage":
      return whole(event.start) && whole(event.end) && flag(event.open);
    case "recomputed":
      return isRecomputed(event);
  }
};

/** Throws Damaged. */
export const checkShape = (event: Derived): void => {
  if (!(text(event.tenant) && text(event.camera) && whole(event.receivedAt) && isOfItsKind(event)))
    throw new Damaged(`it is no whole ${event.kind}: something is missing from it, or is of another type`);
};
