import { describe, expect, it } from "vitest";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import { openVault } from "../../adapters/vault.ts";
import { keepUrl } from "../../ingest/camera-url.ts";

describe("an address that is to be kept", () => {
  it("is looked up in its tenant's turn: another's slow names do not hold it up", async () => {
    /** A fake DNS that never answers for some names. */
    const lookup = async (name: string) => (name.startsWith("slow") ? new Promise<never>(() => undefined) : ["10.0.0.1"]);
    const network = openCameraNetwork({ allow: ["10.0.0.0/8"], ownPorts: () => [], lookup, timeoutMs: 200 });
    const keep = (tenant: string, host: string) =>
      keepUrl({ vault: openVault(["ab".repeat(32)]), network }, { tenant, camera: "front" }, `rtsp://${host}/`, undefined);
    const slow = [1, 2, 3].map((n) => keep("a", `slow${n}.example`));
    expect(await keep("b", "cam.example")).toMatchObject({ url: { masked: "rtsp://cam.example/" } });
    for (const refused of await Promise.all(slow)) expect(refused).toMatchObject({ refused: "invalid", path: "rtsp_url" });
  });
});
