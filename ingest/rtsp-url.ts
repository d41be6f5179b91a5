/** The address of a camera as somebody wrote it: checked, and with what is secret in it masked. Text only: who may be connected to is the network's to say. */
import { readAddress } from "../domain/address.ts";
import { limits } from "../domain/limits.ts";
import { type RtspFlaw, type RtspParts, readRtsp } from "../domain/rtsp.ts";
import { MASK, maskRest, maskUser } from "./rtsp-mask.ts";

/** The address of a camera. What prints it, as JSON or otherwise, sees the masked form: the whole is given to who asks for `url` only. */
export class RtspUrl {
  /** In lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** For answers and lines: passwords, and what may be one, as ***. */
  readonly masked: string;
  readonly #url: string;

  constructor(parts: RtspParts) {
    const place = `${parts.isBracketed ? `[${parts.host}]` : parts.host}${parts.hasPort ? `:${parts.port}` : ""}`;
    this.host = parts.host;
    this.port = parts.port;
    const [shown, whole] = parts.userinfo === undefined ? ["", ""] : [`${maskUser(parts.userinfo)}@`, `${parts.userinfo}@`];
    this.masked = `${parts.scheme}://${shown}${place}${maskRest(parts.rest)}`;
    this.#url = `${parts.scheme}://${whole}${place}${parts.rest}`;
  }

  /** With its secrets; scheme and host in lower case, all else as written. */
  get url(): string {
    return this.#url;
  }
}

/** The address, or what is wrong with it in words that quote nothing of it. A masked form is refused: *** would be kept in the place of the true secret. */
export const readRtspUrl = (text: string): RtspUrl | RtspFlaw => {
  if (text.length > limits.textLength) return { flaw: `is longer than ${limits.textLength} characters` };
  const parts = readRtsp(text);
  if ("flaw" in parts) return parts;
  if (parts.isBracketed && readAddress(parts.host)?.family !== 6) return { flaw: "has a host in brackets that is no IPv6 address" };
  if (text.includes(MASK))
    return { flaw: `holds ${MASK} where a secret belongs: give the secret itself; where ${MASK} is meant, it is %2A%2A%2A` };
  return new RtspUrl(parts);
};
