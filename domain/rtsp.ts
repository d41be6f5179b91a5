/** What an rtsp address is made of. Read in one place, so that who judges an address and who connects to it cannot read it differently. */

export type RtspParts = {
  readonly scheme: "rtsp" | "rtsps";
  /** What stands before the @, as written; undefined where there is none. */
  readonly userinfo: string | undefined;
  /** In lower case; an IPv6 address without its brackets. */
  readonly host: string;
  readonly isBracketed: boolean;
  readonly port: number;
  /** Whether the port was written. */
  readonly hasPort: boolean;
  /** Path and query, as written; may be empty. */
  readonly rest: string;
};

/** Why a text is no address. Quotes nothing of it: a password may stand anywhere in a text that is wrong. */
export type RtspFlaw = { readonly flaw: string };

const DEFAULT_PORT = { rtsp: 554, rtsps: 322 } as const;
const HOST_LENGTH = 253;

/** What RFC 3986 lets stand in an address without being percent-encoded; the fragment is spoken of by itself. */
const UNWRITTEN = /[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]/;
const NO_ESCAPE = /%(?![0-9A-Fa-f]{2})/;
const HIDDEN_CONTROL = /%(?:[01][0-9A-Fa-f]|7[Ff])/;
const NAME = /^(?!-)[a-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?$/;

const flawOf = (text: string): string | undefined => {
  if (!/^rtsps?:\/\//i.test(text)) return "must begin with rtsp:// or rtsps://";
  if (/[\s\p{Cc}]/u.test(text)) return "must not hold spaces or control characters";
  if (text.includes("\\")) return "must not hold a backslash; where it is meant, it is %5C";
  if (text.includes("#")) return "must not have a fragment; where # is meant, it is %23";
  if (UNWRITTEN.test(text)) return "holds a character that must be percent-encoded, or, in the name of a host, written as xn--";
  if (NO_ESCAPE.test(text)) return "has a % without two hexadecimal digits after it; where % is meant, it is %25";
  if (HIDDEN_CONTROL.test(text)) return "must not hold control characters, percent-encoded ones neither";
  // A password with an @, a / or a ? in it is told by this: the true @ comes after them.
  if (text.split("@").length > 2) return "holds more than one @; where it is part of a user, a password or a path, it is %40";
  return undefined;
};

/** The parts of an address, or what is wrong with it. Nothing is guessed: what could be read in two ways is wrong. */
export const readRtsp = (text: string): RtspParts | RtspFlaw => {
  const flaw = flawOf(text);
  if (flaw !== undefined) return { flaw };
  const [, scheme = "", authority = "", rest = ""] = /^(rtsps?):\/\/([^/?]*)(.*)$/i.exec(text) ?? [];
  if (rest.includes("@")) return { flaw: "holds an @ after the host; a / or ? in a password is %2F or %3F, an @ in a path is %40" };
  const at = authority.indexOf("@");
  const userinfo = at < 0 ? undefined : authority.slice(0, at);
  if (userinfo === "") return { flaw: "has an @ and no user before it" };
  if (userinfo !== undefined && userinfo.split(":").length > 2)
    return { flaw: "holds more than one : before the @; in a user or a password it is %3A" };
  if (userinfo !== undefined && /[[\]]/.test(userinfo)) return { flaw: "holds brackets before the @; there they are %5B and %5D" };
  const place = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*))(:\d{1,5})?$/.exec(authority.slice(at + 1));
  if (place === null) return { flaw: "has no host, or one with a port that is no number, or an IPv6 address that is not written as [...]" };
  const [, bracketed, name = "", colonPort] = place;
  const host = (bracketed ?? name).toLowerCase();
  if (host === "") return { flaw: "has no host" };
  if (bracketed === undefined && (host.length > HOST_LENGTH || !NAME.test(host)))
    return { flaw: "has a host that is neither a name nor an address" };
  if (/[[\]]/.test(rest)) return { flaw: "holds brackets after the host; there they are %5B and %5D" };
  const lower = scheme.toLowerCase() as RtspParts["scheme"];
  const port = colonPort === undefined ? DEFAULT_PORT[lower] : Number(colonPort.slice(1));
  if (port < 1 || port > 65_535) return { flaw: "has a port that is not from 1 to 65535" };
  return { scheme: lower, userinfo, host, isBracketed: bracketed !== undefined, port, hasPort: colonPort !== undefined, rest };
};
