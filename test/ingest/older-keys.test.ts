import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { openMeter } from "../../adapters/meter-prometheus.ts";
import { openVault } from "../../adapters/vault.ts";
import type { Json } from "../../domain/envelope.ts";
import type { Decided } from "../../domain/ports.ts";
import { cameraStream, tenantStream } from "../../domain/streams.ts";
import { countOlderKeys } from "../../ingest/older-keys.ts";

const [old, newer] = ["the old key has thirty-two bytes or more", "the new key has thirty-two bytes or more"] as const;
const sealedBy = (key: string) => ({ masked: "rtsp://h/", sealed: openVault([key]).seal("rtsp://h/", "acme\0front") as string });
const decided = (camera: string, data: { readonly type: string } & Record<string, unknown>): Decided => ({
  id: randomUUID(),
  at: 1,
  type: data.type,
  data: data as unknown as Json,
  stream: cameraStream({ tenant: "acme", camera }),
  revision: 1,
});
const registered = (camera: string, key: string) =>
  decided(camera, { type: "camera-registered", channel: 1, at: 1, description: { url: sealedBy(key) } });
const described = (camera: string, url: object | undefined) => decided(camera, { type: "camera-described", at: 1, description: { url } });

/** What the gauge says after these. */
const told = async (keys: readonly string[], events: readonly Decided[]): Promise<string> => {
  const meter = openMeter();
  const tell = countOlderKeys(openVault(keys), meter);
  for (const event of events) tell(event);
  return /^tallywire_sealed_with_older_keys (\d+)$/m.exec(await meter.text())?.[1] ?? "nothing";
};

describe("Addresses sealed with older keys", () => {
  const both = [registered("front", old), registered("back", old)];

  it("are counted, by the key that seals now", async () => {
    expect(await told([old], both)).toBe("0");
    expect(await told([newer, old], both)).toBe("2");
    // Nor are those forgotten that no key opens any more.
    expect(await told([newer], both)).toBe("2");
    expect(await told([], both)).toBe("2");
  });

  it("are fewer with each that is written anew, cleared, or whose camera is removed", async () => {
    expect(await told([newer, old], [...both, described("front", sealedBy(newer))])).toBe("1");
    expect(await told([newer, old], [...both, described("front", sealedBy(old))])).toBe("2");
    expect(await told([newer, old], [...both, described("front", undefined)])).toBe("1");
    expect(await told([newer, old], [...both, decided("back", { type: "camera-unregistered", channel: 1 })])).toBe("1");
  });

  it("are the same number where decisions are told of again, and whatever else is decided", async () => {
    const all = [...both, described("front", sealedBy(newer))];
    expect(await told([newer, old], [...all, ...all])).toBe("1");
    const ofTenant = { ...decided("front", { type: "camera-added", channel: 1 }), stream: tenantStream("acme") };
    expect(await told([newer, old], [...all, ofTenant, decided("back", { type: "rule-defined" })])).toBe("1");
  });
});
