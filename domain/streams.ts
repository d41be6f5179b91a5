/** Names of decision streams. Tenant and camera are percent-encoded, so `/` and `-` in them cannot be mistaken for ours. */
import type { CameraKey } from "./envelope.ts";

/** Neither may hold a lone surrogate: it has no percent-encoded form (a `URIError` says so). */
export const cameraStream = (key: CameraKey): string => `camera-${encodeURIComponent(key.tenant)}/${encodeURIComponent(key.camera)}`;

export const tenantStream = (tenant: string): string => `tenant-${encodeURIComponent(tenant)}`;

const TENANT_STREAM = /^tenant-([^/]*)$/;

/** Whose decisions the stream holds; `undefined` for a stream that is no tenant's. */
export const tenantOfStream = (stream: string): string | undefined => {
  const [, tenant] = TENANT_STREAM.exec(stream) ?? [];
  return tenant === undefined ? undefined : decodeURIComponent(tenant);
};

const CAMERA_STREAM = /^camera-([^/]*)\/([^/]*)$/;

/** Whose decisions the stream holds; `undefined` for a stream that is no camera's. */
export const cameraOfStream = (stream: string): CameraKey | undefined => {
  const parts = CAMERA_STREAM.exec(stream);
  if (parts?.[1] === undefined || parts[2] === undefined) return undefined;
  return { tenant: decodeURIComponent(parts[1]), camera: decodeURIComponent(parts[2]) };
};

/** A stream of its own: playbacks come and go far more often than a tenant's cameras. */
export const playbackStream = (tenant: string): string => `playback-${encodeURIComponent(tenant)}`;

const PLAYBACK_STREAM = /^playback-([^/]*)$/;

/** Whose playbacks the stream holds; `undefined` for a stream that holds none. */
export const tenantOfPlaybackStream = (stream: string): string | undefined => {
  const [, tenant] = PLAYBACK_STREAM.exec(stream) ?? [];
  return tenant === undefined ? undefined : decodeURIComponent(tenant);
};

/** A stream of its own: what a job has come to is decided far more often than anything about its tenant. */
export const jobStream = (tenant: string): string => `job-${encodeURIComponent(tenant)}`;

const JOB_STREAM = /^job-([^/]*)$/;

/** Whose jobs the stream holds; `undefined` for a stream that holds none. */
export const tenantOfJobStream = (stream: string): string | undefined => {
  const [, tenant] = JOB_STREAM.exec(stream) ?? [];
  return tenant === undefined ? undefined : decodeURIComponent(tenant);
};
