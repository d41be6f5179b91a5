/** What can be asked and wanted of a tenant's cameras. Types only. */
import type { Camera } from "./camera.ts";
import type { Refusal } from "./decider.ts";
import type { Reached } from "./door.ts";
import type { CameraKey, Instant, Json } from "./envelope.ts";
import type { Revision } from "./ports.ts";
import type { Description, Registration } from "./registration.ts";
import type { TenantSettings } from "./tenant.ts";

/** `camera` is the state after the command. */
export type Changed = { readonly camera: Camera; readonly reached: Reached };

export type Registered = { readonly id: string; readonly registration: Registration };

/** What is said of a camera; what is undefined stays, or is as a camera is by itself. `rtspUrl` and `model` "" are none. */
export type Said = { readonly [F in Exclude<keyof Description, "url" | "model">]?: Description[F] | undefined } & {
  readonly model?: string | undefined;
  readonly rtspUrl?: string | undefined;
};

/** Who asks, and what their token lowers of what the tenant has. */
export type Asker = {
  readonly subject: string | undefined;
  readonly cameraLimit: number | undefined;
  readonly features: readonly string[] | undefined;
};

/** What a tenant may have, and how many cameras it has. */
export type Holding = { readonly settings: TenantSettings; readonly cameras: number };

export type Registry = {
  /** By channel. */
  list(tenant: string): Promise<readonly Registered[]>;
  /** Undefined for a sensor that nobody created. */
  get(key: CameraKey): Promise<Registered | undefined>;
  create(key: CameraKey, said: Said, asker: Asker): Promise<Changed | Refusal>;
  change(key: CameraKey, said: Said, asker: Asker): Promise<Changed | Refusal>;
  remove(key: CameraKey, asker: Asker): Promise<Changed | Refusal>;
  tenant(tenant: string): Promise<Holding>;
  set(tenant: string, changes: Partial<TenantSettings>, asker: Asker): Promise<Holding | Refusal>;
};

/** A decision, for who wants to know who changed what. `number`: its place among its tenant's, from 1; it never changes. `camera`: undefined for what concerns the tenant. */
export type Audited = {
  readonly number: number;
  readonly id: string;
  readonly at: Instant;
  readonly by: string | undefined;
  readonly type: string;
  readonly camera: string | undefined;
  readonly revision: Revision;
  readonly data: Json;
};

/** The newest first, those before the number. */
export type AuditPage = (
  tenant: string,
  asked: { readonly camera: string | undefined; readonly before: number | undefined; readonly limit: number },
) => Promise<readonly Audited[]>;
