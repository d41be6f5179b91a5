/**
 * What is decided for a tenant: what it may have, and which cameras are its own. A camera is created here first, so that the limit and the
 * numbers of channels are decided in one place; what it is stands in its own stream.
 */

import { type Decider, type Refusal, refuse } from "./decider.ts";
import type { Instant } from "./envelope.ts";
import { limits } from "./limits.ts";
import type { Description, Licence } from "./registration.ts";
import { firstOf, identifier, whole } from "./rule-check.ts";

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

export type TenantCommand =
  /** `limit` and `licence`: what the tenant's settings and the token allow together. */
  | {
      readonly type: "add-camera";
      readonly camera: string;
      readonly limit: number;
      readonly added: Omit<Added, "channel">;
    }
  | { readonly type: "drop-camera"; readonly camera: string; readonly channel: number }
  | { readonly type: "set-tenant"; readonly settings: TenantSettings };

export type TenantEvent =
  | ({ readonly type: "camera-added"; readonly camera: string } & Added)
  | { readonly type: "camera-dropped"; readonly camera: string; readonly channel: number }
  | { readonly type: "tenant-set"; readonly settings: TenantSettings };

/** `cameras` by id, in the order of their channels. `lastChannel`: the highest number given out. */
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
  decide: (command, tenant): Decision => {
    switch (command.type) {
      case "add-camera":
        return addCamera(command, tenant);
      case "drop-camera": {
        const { camera, channel } = command;
        return tenant.cameras.get(camera)?.channel === channel ? [{ type: "camera-dropped", camera, channel }] : [];
      }
      case "set-tenant":
        return setTenant(command.settings, tenant);
    }
  },
  evolve: (tenant, event) => {
    switch (event.type) {
      case "camera-added": {
        const { type: _, camera, ...added } = event;
        return { ...tenant, cameras: new Map(tenant.cameras).set(camera, added), lastChannel: added.channel };
      }
      case "camera-dropped":
        return { ...tenant, cameras: new Map([...tenant.cameras].filter(([camera]) => camera !== event.camera)) };
      case "tenant-set":
        return { ...tenant, settings: event.settings };
    }
  },
};

const addCamera = (command: Extract<TenantCommand, { type: "add-camera" }>, { cameras, lastChannel }: Tenant): Decision => {
  const { camera, limit, added } = command;
  if (cameras.has(camera)) return refuse("conflict", "id", "there is such a camera");
  if (cameras.size >= limit) return refuse("conflict", "", `the camera limit of ${limit} is reached`);
  if (lastChannel >= limits.channels) return refuse("conflict", "", "all channel numbers have been given out");
  return [{ type: "camera-added", camera, channel: lastChannel + 1, ...added }];
};

const setTenant = (settings: TenantSettings, tenant: Tenant): Decision => {
  const { cameraLimit, features } = settings;
  const flaw =
    whole("camera_limit", cameraLimit, 0, limits.channels) ??
    (features === "every"
      ? undefined
      : features.length > limits.featuresPerCamera
        ? refuse("too-many", "features", `must have ${limits.featuresPerCamera} entries or fewer`)
        : firstOf(features, (feature, i) => identifier(`features[${i}]`, feature)));
  if (flaw !== undefined) return flaw;
  return JSON.stringify(settings) === JSON.stringify(tenant.settings) ? [] : [{ type: "tenant-set", settings }];
};
