/** What cameras send, remembered for a while: looking takes a connection of the camera's, and a second. */
import { limits } from "../../domain/limits.ts";
import type { MediaFailure } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import type { Ffmpeg } from "../ffmpeg.ts";

export type Look = (url: string, again: boolean, signal: AbortSignal) => Promise<Probed | { readonly failed: MediaFailure }>;

export const rememberingLook = (ffmpeg: Ffmpeg): Look => {
  const known = new Map<string, { readonly probed: Probed; readonly at: number }>();
  return async (url, again, signal) => {
    const now = performance.now();
    for (const [one, { at }] of known) if (now - at > limits.probeKeptMs) known.delete(one);
    const remembered = known.get(url);
    if (remembered !== undefined && !again) return remembered.probed;
    known.delete(url);
    try {
      const probed = await ffmpeg.probe({ camera: url }, { signal });
      if ("video" in probed) known.set(url, { probed, at: performance.now() });
      return probed;
    } catch (error) {
      if (!(error instanceof AdapterError)) throw error;
      return { failed: { reason: error.code === "unavailable" ? "missing" : "full", message: error.message } };
    }
  };
};
