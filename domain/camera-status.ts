import type { CameraState } from "./event.ts";

/** What a VMS tells of a camera, in its own word, as a state. Any other word is stored and changes nothing. */
export const stateOfChange = (change: string): CameraState["state"] =>
  change === "camera_streaming" ? "online" : change === "camera_remove" ? "removed" : "other";
