/** What cameras send, remembered for a while: looking takes a connection of the camera's, and a second. */
import { limits } from "../../domain/limits.ts";
import type { MediaFailure } from "../../domain/media.ts";
import { AdapterError } from "../../domain/ports.ts";
import type { Probed } from "../ffmpeg/probe.ts";
import type { Ffmpeg } from "../ffmpeg.ts";

export type Looked = Probed | { readonly failed: MediaFailure };
export type Look = {
  /** What is remembered, unless `again`. */
  at(camera: { readonly url: string; readonly tenant: string }, again: boolean, signal: AbortSignal): Promise<Looked>;
  known(url: string): Probed | undefined;
};

export const rememberingLook = (ffmpeg: Ffmpeg): Look => {
  const known = new Map<string, { readonly probed: Probed; readonly at: number }>();
  const remembered = (url: string): Probed | undefined => {
    const now = performance.now();
    for (const [one, { at }] of known) if (now - at > limits.probeKeptMs) known.delete(one);
    return known.get(url)?.probed;
  };
  return {
    known: remembered,
    async at({ url, tenant }, again, signal) {
      const probed = again ? undefined : remembered(url);
      if (probed !== undefined) return probed;
      known.delete(url);
      try {
        const found = await ffmpeg.probe({ camera: url, whose: tenant }, { signal });
        if ("video" in found) known.set(url, { probed: found, at: performance.now() });
        return found;
      } catch (error) {
        if (!(error instanceof AdapterError)) throw error;
        return { failed: { reason: error.code === "unavailable" ? "missing" : "full", message: error.message } };
      }
    },
  };
};
