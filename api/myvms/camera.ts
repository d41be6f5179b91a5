/** A camera, as myvms says it. */
import { z } from "@hono/zod-openapi";
import type { CameraStatus } from "../../domain/camera-status.ts";
import { limits } from "../../domain/limits.ts";
import type { StreamState } from "../../domain/media.ts";
import type { Registered } from "../../domain/registry.ts";
import { id, text } from "../text.ts";

const name = text(limits.textLength).min(1);
const features = z.array(id).max(limits.featuresPerCamera);
const fps = z.number().gt(0).max(limits.framesPerSecond).openapi({ description: "Informative." });
const rtspUrl = text(limits.textLength).nullish().openapi({
  description:
    "rtsp or rtsps; empty or null: none. Kept encrypted and shown with its password masked; the masked form written back leaves it unchanged.",
});
/** Of what GET answers, sent back: ours to say, so it is passed over. */
const ours = z.unknown().openapi({ description: "Not for clients to set: passed over.", type: ["string", "number", "null"] });

const said = {
  name: name.optional(),
  rtsp_url: rtspUrl,
  features: features
    .optional()
    .openapi({ description: "Object types that become events; none: all that are licensed. Case does not matter." }),
  fps: fps.optional(),
  enabled: z.boolean().optional().openapi({ description: "false: its rules raise nothing; what is observed is kept and counted." }),
  record: z.boolean().optional(),
  model: text(limits.textLength).nullish(),
  status: ours.optional(),
  recording: z
    .unknown()
    .optional()
    .openapi({ description: "Not for clients to set: passed over.", type: ["object", "null"] }),
  channel: ours.optional(),
  dropped_features: ours.optional(),
  created_at: ours.optional(),
  updated_at: ours.optional(),
};
const named = { id: id.optional(), tenant_id: z.string().optional().openapi({ description: "One's own, if any." }) };

export const newCamera = z.strictObject({ ...named, ...said }).openapi("NewCamera");
export const cameraChanges = z.strictObject({ ...named, ...said }).openapi("CameraChanges");

const seconds = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .openapi({ format: "date-time", example: "2026-04-30T10:00:00Z" });

const recording = z.strictObject({
  status: z.enum(["starting", "running", "stalled", "failed"]).openapi({ description: "stalled: nothing comes, and it is tried again." }),
  reason: z.string().nullable().openapi({ description: "Why nothing is recorded, where that is known." }),
});

export const camera = z
  .strictObject({
    id: z.string(),
    tenant_id: z.string(),
    name: z.string(),
    rtsp_url: z.string(),
    features: z.array(z.string()),
    fps: z.number(),
    enabled: z.boolean(),
    record: z.boolean(),
    status: z.enum(["online", "offline", "unknown"]),
    recording: recording.nullable().openapi({ description: "null where it is not recorded, as far as this server knows." }),
    created_at: seconds,
    updated_at: seconds,
    channel: z.int().min(1).openapi({ description: "Its number, never used again." }),
    model: z.string().nullable(),
  })
  .openapi("Camera");

/** The answer to a write. Not an extension of the other: the document would say that it is one, which may have no further field. */
export const writtenCamera = z
  .strictObject({
    ...camera.shape,
    dropped_features: z.array(z.string()).openapi({ description: "Those asked for that are not licensed." }),
  })
  .openapi("WrittenCamera");

/** `2026-04-30T10:00:00Z` */
const inSeconds = (at: number): string => new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");

const recordingBody = (state: StreamState): z.infer<typeof recording> => ({
  status: state.state,
  reason: ("failure" in state ? state.failure?.message : undefined) ?? null,
});

/** `is`: whether it is there, and how its recording goes. */
export const cameraBody = (
  tenant: string,
  { id, registration }: Registered,
  is: { readonly status: CameraStatus; readonly recording: StreamState | undefined },
): z.infer<typeof camera> => ({
  id,
  tenant_id: tenant,
  name: registration.name,
  rtsp_url: registration.url?.masked ?? "",
  features: [...registration.features],
  fps: registration.fps,
  enabled: registration.enabled,
  record: registration.record,
  status: is.status,
  recording: is.recording === undefined ? null : recordingBody(is.recording),
  created_at: inSeconds(registration.createdAt),
  updated_at: inSeconds(registration.updatedAt),
  channel: registration.channel,
  model: registration.model ?? null,
});
