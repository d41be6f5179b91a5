import { hash } from "node:crypto";
import type { DetectedObject } from "../domain/event.ts";

/**
 * The id of a frame that was sent without one: `#` and 128 bits of SHA-256 over its objects as read, in the order sent, written
 * as JSON `[[id, type, leftX, topY, rightX, bottomY, confidence | null, [[name, value], …]], …]` with the attributes by name.
 * How the frame was written (field order, white space, format) makes no difference.
 */
export const frameHash = (objects: readonly DetectedObject[]): string => {
  const canonical = objects.map(({ id, type, bbox, confidence, info }) => [
    id,
    type,
    bbox.leftX,
    bbox.topY,
    bbox.rightX,
    bbox.bottomY,
    confidence ?? null,
    [...(info ?? [])].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
  ]);
  return `#${hash("sha256", JSON.stringify(canonical), "hex").slice(0, 32)}`;
};
