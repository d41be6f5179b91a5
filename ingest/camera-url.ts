/** From the address somebody gives a camera to what is kept of it: allowed, and sealed. */
import { type Refusal, refuse } from "../domain/decider.ts";
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { CameraNetwork, Vault } from "../domain/ports.ts";
import type { CameraUrl } from "../domain/registration.ts";
import { isMaskOf, readRtspUrl } from "./rtsp-url.ts";

export type Urls = { readonly vault: Vault; readonly network: CameraNetwork };

const FIELD = "rtsp_url";

/** `given` "" is none. The masked form of what is kept leaves it as it is. No refusal quotes what was given: it may hold a password. */
export const keepUrl = async (
  { vault, network }: Urls,
  key: CameraKey,
  given: string,
  kept: CameraUrl | undefined,
): Promise<{ readonly url: CameraUrl | undefined } | Refusal> => {
  if (given === "") return { url: undefined };
  if (kept !== undefined && isMaskOf(given, kept.masked)) return { url: kept };
  const read = readRtspUrl(given);
  if ("flaw" in read) return refuse("invalid", FIELD, read.flaw);
  const reached = await network.addresses(read.url);
  if ("unreachable" in reached) return refuse("invalid", FIELD, reached.unreachable);
  const sealed = vault.seal(read.url, keyText(key.tenant, key.camera));
  if (sealed === undefined)
    return refuse("invalid", FIELD, "cannot be kept: this server has no key to encrypt it with (TALLYWIRE_SECRET_KEY)");
  return { url: { masked: read.masked, sealed } };
};
