/** What passes between the machines of a place and the machines of its rules. Types only. */
import type { Envelope, Instant } from "../envelope.ts";
import type { Alert, Crossing, EndReason, FrameRef, PlaceRef, Presence, Sighting } from "../event.ts";
import type { Machine } from "../machine.ts";

/** An object that is present gained or changed attributes. Heard by rules, kept in no log. */
export type Noticed = Envelope & {
  readonly kind: "noticed";
  readonly place: PlaceRef;
  readonly object: Sighting;
  readonly at: Instant;
  readonly firstSeen: Instant;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
};

/**
 * An object was present already when the rule's life began: told of at once, at the camera's time so far, before anything else. It is
 * no entry. `object` is as it was last seen there, `start` the beginning of its stay; `cause.to` is the newest frame of the camera.
 */
export type Present = Envelope & {
  readonly kind: "present";
  readonly place: PlaceRef;
  readonly object: Sighting;
  readonly at: Instant;
  readonly start: Instant;
  readonly firstSeen: Instant;
  readonly cause: { readonly from: FrameRef; readonly to: FrameRef };
};

/** The rule's life or its camera's time ends here: close what is open, start afresh. Comes after the leavings of the same instant. */
export type Ended = Envelope & { readonly kind: "ended"; readonly at: Instant; readonly reason: EndReason; readonly frame: FrameRef };

/**
 * Time has come to `at`; nothing else is said. Rules do nothing on it: hearing it rings what is due by then.
 * After every frame, accepted heartbeat and camera state one comes last, so a timer never waits for an object.
 */
export type Passed = Envelope & { readonly kind: "passed"; readonly at: Instant };

/** What a rule hears of one instant, in this order: who is present, leavings, entries, what was noticed, crossings; crossings by confirmedAt, at, object id. */
export type Heard = Crossing | Presence | Present | Noticed | Ended | Passed;

/** Keyed by camera (keyText). */
export type RuleMachine<S = unknown> = Machine<Heard, S, Alert>;
