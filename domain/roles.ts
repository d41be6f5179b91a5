/**
 * What a process does. `ingest` takes in frames and camera events; `engine` derives alerts; `projector` brings both logs into the
 * warehouse; `api` answers questions, takes decisions and tells subscribers; `jobs` runs what takes its time (backtests and the like); `video` shows and records cameras, with ffmpeg, in a folder of
 * its own: one process of all. A process has one or more of them.
 */
export const roles = ["ingest", "engine", "projector", "api", "jobs", "video"] as const;
export type Role = (typeof roles)[number];
