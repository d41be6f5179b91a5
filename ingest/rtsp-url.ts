/** The address of a camera as somebody wrote it: checked, and with what is secret in it masked. Text only: who may be connected to is the network's to say. */
import { readAddress } from "../domain/address.ts";
import { limits } from "../domain/limits.ts";
import { type RtspFlaw, type RtspParts, readRtsp } from "../domain/rtsp.ts";

/** What stands in the place of a secret. */
const MASK = "***";
/** A name that holds one of these names a secret. */
const SECRET_WORD = /pass|pw|psw|token|key|auth|secret|sig|cred|jwt/i;
/** Where a value begins. A camera may decode the address before it looks. */
const ASSIGNED = /=|%3D/gi;
const decoded = (text: string): string =>
  text.replace(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** What ends a name to its left. Not `_` and `,`: some cameras separate by them, others have them in names, and a name too long is no harm. */
const BEFORE_NAME = /^.*[/?&;]/;

/** Where the value of the first name that names a secret begins. */
const secretIn = (rest: string): number | undefined => {
  let from = 0;
  for (const match of rest.matchAll(ASSIGNED)) {
    const name = decoded(rest.slice(from, match.index).replace(BEFORE_NAME, ""));
    from = match.index + match[0].length;
    if (SECRET_WORD.test(name)) return from;
  }
  return undefined;
};

/** What may follow a password and is surely none: what tells apart the channels of a recorder. */
const KNOWN_TAIL = /(?:[_&;](?:channel|chn?|stream|subtype|profile|camera|unicast|proto)=[A-Za-z0-9]{1,8}(?:\.sdp)?)*(?:\?real_stream)?$/i;

type Masked = { readonly text: string; readonly secrets: readonly string[] };

/** Nothing says where a password ends that was not encoded, so all that follows its name is masked, but for a tail that is known. */
const maskRest = (rest: string): Masked => {
  const from = secretIn(rest);
  if (from === undefined) return { text: rest, secrets: [] };
  const tail = KNOWN_TAIL.exec(rest.slice(from))?.[0] ?? "";
  const secret = rest.slice(from, rest.length - tail.length);
  // A password that is empty may as well be one that looks like a tail.
  const shown = secret === "" ? "" : tail;
  return { text: `${rest.slice(0, from)}${MASK}${shown}`, secrets: [secret] };
};

/** A user without a password may be a token. */
const maskUser = (userinfo: string | undefined): Masked => {
  if (userinfo === undefined) return { text: "", secrets: [] };
  const [user = "", password] = userinfo.split(":");
  if (password === undefined) return { text: `${MASK}@`, secrets: [user] };
  return { text: `${password === "" ? MASK : user}:${MASK}@`, secrets: [password] };
};

/** The address of a camera. What prints it, as JSON or otherwise, sees the masked form: the whole is given to who asks for `url` only. */
export class RtspUrl {
  /** In lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
  /** For answers and lines: passwords, and what looks like one, as ***. */
  readonly masked: string;
  readonly #url: string;

  constructor(parts: RtspParts, user: string, rest: string) {
    const place = `${parts.isBracketed ? `[${parts.host}]` : parts.host}${parts.hasPort ? `:${parts.port}` : ""}`;
    this.host = parts.host;
    this.port = parts.port;
    this.masked = `${parts.scheme}://${user}${place}${rest}`;
    this.#url = `${parts.scheme}://${parts.userinfo === undefined ? "" : `${parts.userinfo}@`}${place}${parts.rest}`;
  }

  /** With its secrets; scheme and host in lower case, all else as written. */
  get url(): string {
    return this.#url;
  }
}

/** The address, or what is wrong with it in words that quote nothing of it. A masked secret is refused: it would be kept in the place of the true one. */
export const readRtspUrl = (text: string): RtspUrl | RtspFlaw => {
  if (text.length > limits.textLength) return { flaw: `is longer than ${limits.textLength} characters` };
  const parts = readRtsp(text);
  if ("flaw" in parts) return parts;
  if (parts.isBracketed && readAddress(parts.host)?.family !== 6) return { flaw: "has a host in brackets that is no IPv6 address" };
  const [user, rest] = [maskUser(parts.userinfo), maskRest(parts.rest)];
  if ([...user.secrets, ...rest.secrets].includes(MASK)) return { flaw: `holds ${MASK} where a secret belongs: give the secret itself` };
  return new RtspUrl(parts, user.text, rest.text);
};
