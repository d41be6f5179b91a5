/** A camera's definitions as JSON, for checkpoints and bases. Lists, not objects: ids come from outside, `__proto__` among them. */
import type { Camera, Roi, Rule, SensorSettings, Tripwire, Versioned } from "./camera.ts";
import type { Json } from "./envelope.ts";
import { loaded } from "./machine.ts";
import type { Registration } from "./registration.ts";

/** JSON has no undefined: such a field is left out, and reads as undefined again. */
const plain = (value: object): Json =>
  Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([name, part]) => [name, part as Json]),
  );

export const saveCameraDefinition = ({ revision, settings, tripwires, rois, rules, epochs, registered, lastChannel }: Camera): Json => ({
  revision,
  settings: plain(settings),
  tripwires: [...tripwires.values()].map(plain),
  rois: [...rois.values()].map(plain),
  rules: [...rules.values()].map(plain),
  epochs: [...epochs],
  // Left out where nobody created the camera: what was saved before cameras could be created reads the same.
  ...(lastChannel === 0 ? {} : { registered: registered === undefined ? null : plain(registered), lastChannel }),
});

/** Undefined for what `saveCameraDefinition` did not give. */
export const loadCameraDefinition = (saved: Json): Camera | undefined => loaded(saved, readCameraDefinition, saveCameraDefinition);

const readCameraDefinition = (saved: Json): Camera => {
  const { revision, settings, tripwires, rois, rules, epochs, registered, lastChannel } = saved as unknown as {
    revision: number;
    settings: Versioned<SensorSettings>;
    tripwires: Versioned<Tripwire>[];
    rois: Versioned<Roi>[];
    rules: Versioned<Rule>[];
    epochs: [string, number][];
    registered?: Registration | null;
    lastChannel?: number;
  };
  return {
    revision,
    settings,
    tripwires: new Map(tripwires.map((tripwire) => [tripwire.id, tripwire])),
    rois: new Map(rois.map((roi) => [roi.id, roi])),
    rules: new Map(rules.map((rule) => [rule.ruleId, rule])),
    epochs: new Map(epochs),
    registered: registered ?? undefined,
    lastChannel: lastChannel ?? 0,
  };
};
