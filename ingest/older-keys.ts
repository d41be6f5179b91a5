/** How many addresses are not sealed with the key that seals now: an older key may go when there are none. */
import type { CameraEvent } from "../domain/camera.ts";
import type { Decided, Meter, Vault } from "../domain/ports.ts";
import { cameraOfStream } from "../domain/streams.ts";

/** Takes each decision as the store tells of it, from the first on, and keeps the gauge. Told of some again it ends at the same number. */
export const countOlderKeys = (vault: Pick<Vault, "isCurrent">, meter: Pick<Meter, "set">): ((event: Decided) => void) => {
  /** Streams of cameras. */
  const older = new Set<string>();
  return ({ stream, data }) => {
    if (cameraOfStream(stream) === undefined) return;
    const decision = data as unknown as CameraEvent;
    switch (decision.type) {
      case "camera-registered":
      case "camera-described": {
        const { url } = decision.description;
        if (url === undefined || vault.isCurrent(url.sealed)) older.delete(stream);
        else older.add(stream);
        break;
      }
      case "camera-unregistered":
        older.delete(stream);
        break;
      default:
        return;
    }
    meter.set("tallywire_sealed_with_older_keys", older.size);
  };
};
