/**
 * What is decided for a tenant: what it may have, and which cameras are its own. A camera is created here first, so that the limit and the
 * numbers of channels are decided in one place; what it is stands in its own stream.
 */

import { type Decider, type Refusal, refuse } from "./decider.ts";
import type { Instant } from "./envelope.ts";
import { limits } from "./limits.ts";
import { type Description, type Licence, narrower } from "./registration.ts";
import { licensed } from "./registration-check.ts";
import { type Check, firstOf, identifier, invalid, whole } from "./rule-check.ts";
import { same } from "./same.ts";

/** `cameraLimit`: cameras it may have at once. `features`: object types it may have as events. */
export type TenantSettings = { readonly cameraLimit: number; readonly features: Licence };

/** What a camera was created as: who was interrupted between the two streams goes on from this. */
export type Added = {
  readonly channel: number;
  readonly description: Description;
  readonly licence: Licence;
  readonly at: Instant;
  /** Whoever wanted it: another may have to finish it. */
  readonly by?: string;
};

/** What the token of who asks lowers of what the tenant has. */
export type Lowered = { readonly cameraLimit: number | undefined; readonly features: Licence };

export type TenantCommand =
  | {
      readonly type: "add-camera";
      readonly camera: string;
      readonly added: Omit<Added, "channel" | "licence">;
      readonly lowered: Lowered;
    }
  | { readonly type: "drop-camera"; readonly camera: string; readonly channel: number }
  | { readonly type: "set-tenant"; readonly changes: Partial<TenantSettings>; readonly lowered: Lowered };

export type TenantEvent =
  | ({ readonly type: "camera-added"; readonly camera: string } & Added)
  | { readonly type: "camera-dropped"; readonly camera: string; readonly channel: number }
  | { readonly type: "tenant-set"; readonly settings: TenantSettings };

/**
 * `cameras` by id, in the order of their channels. `lastChannel`: the highest number given out.
 */
export type Tenant = {
  readonly settings: TenantSettings;
  readonly cameras: ReadonlyMap<string, Added>;
  readonly lastChannel: number;
};

export const initialTenant = (): Tenant => ({
  settings: { cameraLimit: limits.camerasPerTenant, features: "every" },
  cameras: new Map(),
  lastChannel: 0,
});

type Decision = readonly TenantEvent[] | Refusal;

export const tenantDecider: Decider<TenantCommand, Tenant, TenantEvent> = {
  initial: initialTenant,
  own: (tenant) => ({ ...tenant, cameras: new Map(tenant.cameras) }),
  decide: (command, tenant): Decision => {
    switch (command.type) {
      case "add-camera":
        return addCamera(command, tenant);
      case "drop-camera": {
        const { camera, channel } = command;
        return tenant.cameras.get(camera)?.channel === channel ? [{ type: "camera-dropped", camera, channel }] : [];
      }
      case "set-tenant":
        return setTenant(command, tenant);
    }
  },
  evolve: (tenant, event) => {
    const cameras = tenant.cameras as Map<string, Added>;
    switch (event.type) {
      case "camera-added": {
        const { type: _, camera, ...added } = event;
        // Last in its order, also where a camera of this name was there before.
        cameras.delete(camera);
        cameras.set(camera, added);
        return { ...tenant, lastChannel: added.channel };
      }
      case "camera-dropped":
        cameras.delete(event.camera);
        return tenant;
      case "tenant-set":
        return { ...tenant, settings: event.settings };
    }
  },
};

const addCamera = (command: Extract<TenantCommand, { type: "add-camera" }>, { cameras, lastChannel, settings }: Tenant): Decision => {
  const { camera, added, lowered } = command;
  if (cameras.has(camera)) return refuse("conflict", "id", "there is such a camera");
  const licence = narrower(settings.features, lowered.features);
  // Only what is certain to be registered then takes a place.
  const given = licensed(added.description, licence);
  if ("refused" in given) return given;
  const limit = Math.min(settings.cameraLimit, lowered.cameraLimit ?? settings.cameraLimit);
  if (cameras.size >= limit) return refuse("conflict", "", `the camera limit of ${limit} is reached`);
  if (lastChannel >= limits.channels) return refuse("conflict", "", "all channel numbers have been given out");
  return [{ type: "camera-added", camera, channel: lastChannel + 1, licence, ...added }];
};

const setTenant = ({ changes, lowered }: Extract<TenantCommand, { type: "set-tenant" }>, tenant: Tenant): Decision => {
  const settings = { ...tenant.settings, ...changes };
  const { cameraLimit, features } = settings;
  const flaw =
    beyond(changes, lowered) ??
    whole("camera_limit", cameraLimit, 0, limits.channels) ??
    (features === "every"
      ? undefined
      : features.length > limits.featuresPerCamera
        ? refuse("too-many", "features", `must have ${limits.featuresPerCamera} entries or fewer`)
        : firstOf(features, (feature, i) => identifier(`features[${i}]`, feature)));
  if (flaw !== undefined) return flaw;
  return same(settings, tenant.settings) ? [] : [{ type: "tenant-set", settings }];
};

/** Who may have less than the tenant gives the tenant no more than that. */
const beyond = ({ cameraLimit, features }: Partial<TenantSettings>, lowered: Lowered): Check => {
  if (cameraLimit !== undefined && lowered.cameraLimit !== undefined && cameraLimit > lowered.cameraLimit)
    return invalid("camera_limit", "is more than the token allows");
  const isWider = features !== undefined && !same(narrower(features, lowered.features), features);
  return isWider ? invalid("features", "are more than the token allows") : undefined;
};
