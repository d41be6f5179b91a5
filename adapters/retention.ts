/** Which facts may go. The same for every log. */
import type { CameraKey, Instant } from "../domain/envelope.ts";
import { type Base, EVENTS_PER_RECORD, type Logs, type Position } from "../domain/ports.ts";

export type Policy = Parameters<Logs["retain"]>[0];

/** The oldest record of a partition. */
export type Oldest = {
  readonly record: number;
  readonly bytes: number;
  readonly newest: Instant;
  readonly cameras: () => readonly CameraKey[];
};

/** What retention asks of a log. All of it is as the drop under way would leave it. */
export type Kept = {
  readonly partitions: number;
  oldest(partition: number): Oldest | undefined;
  bytes(): number;
  /** The checkpoint's position: the engine steps again from there. */
  checkpoint(partition: number): Position;
  baseBefore(camera: CameraKey, at: Instant): Pick<Base, "position"> | undefined;
};

/**
 * The partition whose oldest record may go next, or undefined. Records go whole and from the oldest on:
 *
 * 1. Nothing at or after the checkpoint or `keepFrom` (a partition it does not name is needed by nobody).
 * 2. A record all of which arrived before `arrivedBefore`, unless a camera in it has a base there that a replay from `arrivedBefore`
 *    on would start from: that base's facts stay with it.
 * 3. While there is more than `maxBytes`: the oldest by arrival, unless it stands after the newest base of a camera in it.
 *
 * A camera that has gone keeps nobody's facts: only cameras with facts in the record are asked.
 */
export const nextToGo = (kept: Kept, policy: Policy): number | undefined => {
  const tooMuch = kept.bytes() > policy.maxBytes;
  let oldest: { readonly partition: number; readonly newest: Instant } | undefined;
  for (let partition = 0; partition < kept.partitions; partition++) {
    const record = kept.oldest(partition);
    if (record === undefined) continue;
    const end = (record.record + 1) * EVENTS_PER_RECORD;
    if (end > Math.min(kept.checkpoint(partition), policy.keepFrom[partition] ?? Number.POSITIVE_INFINITY)) continue;
    const free = (horizon: Instant): boolean =>
      record.cameras().every((camera) => (kept.baseBefore(camera, horizon)?.position ?? end) >= end);
    if (record.newest < policy.arrivedBefore && free(policy.arrivedBefore)) return partition;
    if (tooMuch && (oldest === undefined || record.newest < oldest.newest) && free(Number.POSITIVE_INFINITY)) {
      oldest = { partition, newest: record.newest };
    }
  }
  return oldest?.partition;
};
