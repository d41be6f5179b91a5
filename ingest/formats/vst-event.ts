/**
 * What NVIDIA's video storage tells of its cameras, under the key `vst.event`:
 *
 *   {"alert_type":"camera_status_change","created_at"?,"event":{"camera_id","camera_name","camera_url","change":"camera_streaming"}}
 *
 * A camera's URL may hold its password: it is neither read nor kept.
 */

import { isAscii, isUtf8 } from "node:buffer";
import { z } from "zod";
import { stateOfChange } from "../../domain/camera-status.ts";
import type { Instant } from "../../domain/envelope.ts";
import type { CameraState } from "../../domain/event.ts";
import { limits } from "../../domain/limits.ts";
import { instantOf } from "../../domain/timestamp.ts";
import { parseJson } from "../json-text.ts";
import { type Rejection, reject } from "../normalise.ts";

const vendor = z.object({
  alert_type: z.literal("camera_status_change"),
  created_at: z.string().optional(),
  event: z.object({ camera_id: z.string().optional(), camera_name: z.string().optional(), change: z.string().min(1).max(limits.idLength) }),
});

export type CameraEvent = Pick<CameraState, "at" | "state" | "change"> & { readonly camera: string };

/** `at` is when it was sent, for a message that does not say so itself, or not as RFC 3339: what became of the camera matters more. */
export const parseVstEvent = (bytes: Buffer, camera: "camera_id" | "camera_name", at: Instant): CameraEvent | Rejection => {
  if (!isUtf8(bytes)) return reject("syntax", "", "is not UTF-8");
  const parsed = parseJson(bytes, 0, bytes.length, isAscii(bytes));
  if ("syntax" in parsed) return reject("syntax", "", parsed.syntax);
  const read = vendor.safeParse(parsed.value);
  if (!read.success) {
    const issue = read.error.issues[0];
    return reject("shape", issue?.path.join(".") ?? "", issue?.message ?? "is no camera event");
  }
  const { event, created_at: created } = read.data;
  const id = event[camera];
  if (id === undefined) return reject("sensor", `event.${camera}`, "is missing");
  const told = created === undefined ? at : instantOf(created);
  return {
    camera: id,
    at: typeof told === "string" ? at : told,
    state: stateOfChange(event.change),
    change: event.change,
  };
};
