/** What the roles of one process share. */
import type { Config } from "../config.ts";
import type { Limits } from "../domain/limits.ts";
import type { Archive, Clock, Journal, Logs, Meter, Stop } from "../domain/ports.ts";
import type { Sensors } from "../ingest/sensors.ts";

export type Ports = { readonly clock: Clock; readonly journal: Journal; readonly meter: Meter };

export type World = Ports & {
  readonly config: Config;
  readonly limits: Limits;
  /** Those this process has heard of: by frames, and by what is decided. */
  readonly sensors: Sensors;
  readonly logs: Logs;
  /** Undefined where no folder is set. */
  readonly archive: Archive | undefined;
  /** Whether other processes may work at the same log. */
  readonly isShared: boolean;
  readonly stop: Stop;
  /** Of one who works beside what is live: all of them together have the share of jobs. */
  readonly createPause: () => () => Promise<void>;
  /** Tells what no one may answer for: the process ends. */
  readonly fail: (error: unknown) => void;
};
