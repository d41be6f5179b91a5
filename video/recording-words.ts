/** What is said of recordings that do not go on, and of those that do again: once each time that changes. */
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { StreamState } from "../domain/media.ts";
import type { Journal } from "../domain/ports.ts";

/** To be called time and again with how every recording is that there is. */
export type RecordingWords = (recordings: readonly { readonly key: CameraKey; readonly state: StreamState | undefined }[]) => void;

export const createRecordingWords = (journal: Journal): RecordingWords => {
  /** Those that do not go on, and how it was said. */
  const bad = new Map<string, "stalled" | "failed">();
  return (recordings) => {
    const before = new Map(bad);
    bad.clear();
    for (const { key, state } of recordings) {
      const name = keyText(key.tenant, key.camera);
      const said = before.get(name);
      if (state?.state === "stalled" || state?.state === "failed") {
        bad.set(name, state.state);
        if (said === state.state) continue;
        const { reason = "unknown", message = "nothing comes" } = state.failure ?? {};
        const told = { ...key, state: state.state, reason, failure: message };
        journal.warn(told, state.state === "stalled" ? "a recording has stopped: it is tried again" : "a recording has failed");
      } else if (said !== undefined && state?.state === "running") journal.info(key, "a recording goes on again");
      // While it begins anew it is not known yet what comes of that.
      else if (said !== undefined && state?.state === "starting") bad.set(name, said);
    }
  };
};
