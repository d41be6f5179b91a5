/** A moment in epoch milliseconds, an integer. Event time unless its name says otherwise. */
export type Instant = number;

/** Every key anywhere is (tenant, camera). */
export type CameraKey = { readonly tenant: string; readonly camera: string };

/** What every event carries. The schema version is the codec's business (adapters/codec.ts). */
export type Envelope = CameraKey & {
  /** When it arrived at the door (facts); for derived events, the arrival of the fact that caused it. */
  readonly receivedAt: Instant;
};

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** One text that names a camera in Maps. NUL cannot stand in a tenant or camera id (the doors refuse it). */
export const keyText = (tenant: string, camera: string): string => `${tenant}\0${camera}`;

/** Seconds of a definition as milliseconds: event time knows nothing finer. */
export const milliseconds = (seconds: number): number => Math.round(seconds * 1000);
