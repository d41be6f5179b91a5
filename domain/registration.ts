/** What is known of a camera beside its places and rules: a camera that somebody created, where a sensor may just send frames. */
import type { Instant } from "./envelope.ts";

/** Object types a tenant may have as events. */
export type Licence = readonly string[] | "every";

/** Where its pictures come from. `sealed` opens with the tenant's camera only (Vault); `masked` may be shown. */
export type CameraUrl = { readonly masked: string; readonly sealed: string };

/** `features`: object types that become events, none for all that are licensed. `fps` is informative. */
export type Description = {
  readonly name: string;
  readonly model: string | undefined;
  readonly url: CameraUrl | undefined;
  readonly features: readonly string[];
  readonly fps: number;
  readonly enabled: boolean;
  readonly record: boolean;
};

/**
 * `channel`: its number, never used again. `events`: the object types that may become events, as decided with the licence of then.
 * `enabledVersion`, `eventsVersion`: the revision of the camera's stream at which `enabled` or `events` last became another one; 0 as long
 * as they are what they are for a sensor that nobody created.
 */
export type Registration = Description & {
  readonly channel: number;
  readonly events: Licence;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly enabledVersion: number;
  readonly eventsVersion: number;
};

const folded = (type: string): string => type.toLowerCase();

/** Whether a type is licensed. Types are compared without their case: features are written `person` where detectors say `Person`. */
export const licenses = (licence: Licence): ((type: string) => boolean) => {
  if (licence === "every") return () => true;
  const types = new Set(licence.map(folded));
  return (type) => types.has(folded(type));
};

/** Those asked for that are licensed, in their order. */
export const licensedOf = (features: readonly string[], licence: Licence): readonly string[] => features.filter(licenses(licence));

/** What of two both allow. */
export const narrower = (one: Licence, other: Licence): Licence => {
  if (one === "every") return other;
  return other === "every" ? one : licensedOf(one, other);
};
