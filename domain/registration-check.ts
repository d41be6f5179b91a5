/** What may be decided of a camera that somebody creates, changes or removes. Its place among the tenant's cameras is decided before (tenant.ts). */
import type { Camera, CameraCommand, CameraEvent } from "./camera.ts";
import { type Refusal, refuse } from "./decider.ts";
import { limits } from "./limits.ts";
import { type Description, type Licence, licensedOf } from "./registration.ts";
import { type Check, firstOf, identifier, invalid, text } from "./rule-check.ts";
import { same } from "./same.ts";

type Decision = readonly CameraEvent[] | Refusal;
type Of<T extends CameraCommand["type"]> = Extract<CameraCommand, { type: T }>;

const checkDescription = ({ name, model, features, fps }: Description): Check =>
  (name === "" ? invalid("name", "must not be empty") : text("name", name)) ??
  (model === undefined ? undefined : text("model", model)) ??
  (fps > 0 && fps <= limits.framesPerSecond ? undefined : invalid("fps", `must be above 0, ${limits.framesPerSecond} or less`)) ??
  (features.length > limits.featuresPerCamera
    ? refuse("too-many", "features", `must have ${limits.featuresPerCamera} entries or fewer`)
    : undefined) ??
  firstOf(features, (feature, i) => identifier(`features[${i}]`, feature));

type Licensed = { readonly description: Description; readonly events: Licence };

/** What of it may be, and the types that may become events then. */
export const licensed = (asked: Description, licence: Licence): Licensed | Refusal => {
  const flaw = checkDescription(asked);
  if (flaw !== undefined) return flaw;
  const features = licensedOf([...new Set(asked.features)], licence);
  if (features.length === 0 && asked.features.length > 0) return invalid("features", "none of them is licensed");
  return { description: { ...asked, features }, events: features.length === 0 ? licence : features };
};

export const register = ({ channel, description, licence, at }: Of<"register">, { registered, lastChannel }: Camera): Decision => {
  // The same channel again: the one who gave it out was interrupted, or another finished it meanwhile.
  if (registered?.channel === channel) return [];
  if (registered !== undefined) return refuse("conflict", "id", "there is such a camera");
  // A channel that has had its time: whoever gave it out was overtaken by who removed the camera.
  if (channel <= lastChannel) return refuse("conflict", "id", "the camera was removed meanwhile");
  const given = licensed(description, licence);
  return "refused" in given ? given : [{ type: "camera-registered", channel, at, ...given }];
};

export const describe = ({ changes, licence, at }: Of<"describe">, { registered }: Camera): Decision => {
  if (registered === undefined) return refuse("unknown-camera", "id", "there is no such camera");
  const { name, model, url, fps, enabled, record } = registered;
  const before: Description = { name, model, url, features: registered.features, fps, enabled, record };
  const after = { ...before, ...changes };
  // What was licensed when it was decided stays so until something else is wanted: who sends back what was shown wants nothing else.
  const isKept = changes.features === undefined || (after.features.length > 0 && same(after.features, registered.features));
  const given = licensed(after, !isKept ? licence : after.features.length === 0 ? registered.events : "every");
  if ("refused" in given) return given;
  return same(given, { description: before, events: registered.events }) ? [] : [{ type: "camera-described", at, ...given }];
};
