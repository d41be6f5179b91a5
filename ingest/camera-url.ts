/** From the address somebody gives a camera to what is kept of it: allowed, and sealed. */
import { type Refusal, refuse } from "../domain/decider.ts";
import { type CameraKey, keyText } from "../domain/envelope.ts";
import type { CameraNetwork, Vault } from "../domain/ports.ts";
import type { CameraUrl } from "../domain/registration.ts";
import { readRtspUrl } from "./rtsp-url.ts";

export type Urls = { readonly vault: Vault; readonly network: CameraNetwork };

const FIELD = "rtsp_url";

/**
 * `given` "" is none. "kept": it is what is kept, or its masked form, and nothing is to be written: another may have written meanwhile. No
 * refusal quotes what was given: it may hold a password.
 */
export const keepUrl = async (
  { vault, network }: Urls,
  key: CameraKey,
  given: string,
  kept: CameraUrl | undefined,
): Promise<{ readonly url: CameraUrl | undefined } | "kept" | Refusal> => {
  if (given === "") return { url: undefined };
  const read = readRtspUrl(given);
  // A masked password is a flaw, so this is the mask of one; an address that has nothing secret is its own mask, and is read as any other.
  if ("flaw" in read) return kept !== undefined && given === kept.masked ? "kept" : refuse("invalid", FIELD, read.flaw);
  const about = keyText(key.tenant, key.camera);
  if (kept !== undefined && isSame({ vault, about, kept }, read.url)) return "kept";
  const reached = await network.addresses(read.url, key.tenant);
  if ("unreachable" in reached) return refuse("invalid", FIELD, reached.unreachable);
  const sealed = vault.seal(read.url, about);
  if (sealed === undefined)
    return refuse("invalid", FIELD, "cannot be kept: this server has no key to encrypt it with (TALLYWIRE_SECRET_KEY)");
  return { url: { masked: read.masked, sealed } };
};

/** Sealed with an older key it is sealed anew; and so is what no key opens any more. */
const isSame = (
  { vault, about, kept }: { readonly vault: Vault; readonly about: string; readonly kept: CameraUrl },
  url: string,
): boolean => vault.isCurrent(kept.sealed) && vault.open(kept.sealed, about) === url;
