/**
 * What may be shown of a camera's address. Vendors name passwords as they like, so it is the other way round: shown is what is known to be
 * harmless, by its name and by its looks. Nothing says where a secret ends that was not encoded, so all that follows is masked too, but for
 * an end that is surely none.
 */

/** What stands in the place of a secret. */
export const MASK = "***";

const wordsOf = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ""));

/** Names, in a query or a path, of what tells one picture from another. Written without `_` and `-`. */
const PICTURE = wordsOf(`
  channel channelid channelno channels ch chn chan chid cam camera cameraid cameranum inst instance input source track trackid line
  stream streamid streamno streamtype streamprofile subtype subtypes profile profiletoken videoprofile type
  unicast multicast proto protocol transport transportmode transporttype
`);
/** And of what else is no secret: how it comes, and who asks. */
const HARMLESS = wordsOf(`
  codec vcodec acodec videocodec audiocodec compression h26x resolution width height fps framerate bitrate quality audio video
  tcp udp rtp starttime endtime user username usr usrname login loginuse loginname
`);
/** What stands in a query without a value and is no secret. */
const WORDS = wordsOf("real_stream tcp udp unicast multicast enablesrtp");

const ASSIGNED = /^([A-Za-z0-9_-]+)=([A-Za-z0-9._-]{0,32})$/;
const USER = /^[A-Za-z0-9._%+-]{0,32}$/;

const isHarmless = (piece: string): boolean => {
  const name = ASSIGNED.exec(piece)?.[1]?.replaceAll(/[_-]/g, "").toLowerCase() ?? "";
  return PICTURE.has(name) || HARMLESS.has(name);
};

/** Where the first = or : ends, however often it was percent-encoded: a camera may decode the address before it looks. */
const endOfMark = (text: string): number | undefined => {
  const read: string[] = [];
  for (let at = 0; at < text.length; at++) {
    read.push(text[at] as string);
    for (let three = read.slice(-3).join(""); /^%[0-9A-F]{2}$/i.test(three); three = read.slice(-3).join(""))
      read.splice(-3, 3, String.fromCharCode(Number.parseInt(three.slice(1), 16)));
    if (/[=:]/.test(read.at(-1) as string)) return at + 1;
  }
  return undefined;
};

/** Where the first secret of a piece begins. Some cameras write `user=a_password=b_channel=1`; a part without a name may belong to the value before it. */
const secretInPiece = (piece: string): number | undefined => {
  if (isHarmless(piece)) return undefined;
  let [at, value]: [number, number | undefined] = [0, undefined];
  for (const part of piece.split(/[_,]/)) {
    const mark = endOfMark(part);
    if (mark === undefined) return value ?? endOfMark(piece);
    if (!isHarmless(part)) return at + mark;
    value = at + mark;
    at += part.length + 1;
  }
  return undefined;
};

/** Whether what stands before a secret looks like its name, and something follows: a token in base64 ends with = too. */
const isNamed = (piece: string, secret: number): boolean =>
  /^[\w.,%=:-]{1,64}$/.test(piece.slice(0, secret)) && /[^=:]/.test(piece.slice(secret));

const isHarmlessWord = (word: string): boolean => word === "" || WORDS.has(word.toLowerCase()) || PICTURE.has(word.toLowerCase());

/** Where the first secret begins in what follows the host. What has no name may be one in a query, and after & or ;. In a path it is the path. */
const secretIn = (rest: string): number | undefined => {
  let isQuery = false;
  for (const { 0: whole, 1: before, index } of rest.matchAll(/([/?&;])[^/?&;]*/g)) {
    const piece = whole.slice(1);
    isQuery ||= before !== "/";
    const secret = secretInPiece(piece);
    if (secret !== undefined) return index + 1 + (isQuery && !isNamed(piece, secret) ? 0 : secret);
    if (isQuery && endOfMark(piece) === undefined && !isHarmlessWord(piece)) return index + 1;
  }
  return undefined;
};

/** Values so few that they tell next to nothing of a password they should belong to. */
const TAIL = /[_&;,?]([a-z0-9]{1,16})=(?:\d{1,3}(?:\.sdp)?|main|sub|true|false|tcp|udp|onvif|unicast|multicast)$/i;
const PATH_TAIL = /\/(?:live|main|sub|(?:ch|channel|stream|cam|camera|av|video|live)\d{1,3}(?:_\d)?)(?:\.(?:sdp|264|h264|mp4|asf))?$/i;

/** How long the secret is that a text begins with. Each name counts once at its end, or a password that repeats it would be shown. */
const lengthOfSecret = (text: string): number => {
  const seen = new Set<string>();
  let secret = text.replace(/\?real_stream$/i, "");
  for (;;) {
    const end = TAIL.exec(secret);
    const name = end?.[1]?.toLowerCase() ?? "";
    if (end === null || !PICTURE.has(name) || seen.has(name)) break;
    seen.add(name);
    secret = secret.slice(0, end.index);
  }
  secret = secret.replace(PATH_TAIL, "");
  // A password that is empty may as well be one that looks like a tail; and one that ends like the mask would be whole beside it.
  return secret === "" || secret.endsWith("*") ? text.length : secret.length;
};

/** Path and query, as they may be shown. */
export const maskRest = (rest: string): string => {
  const from = secretIn(rest);
  if (from === undefined) return rest;
  const secret = rest.slice(from);
  return `${rest.slice(0, from)}${MASK}${secret.slice(lengthOfSecret(secret))}`;
};

/** What stands before the @, as it may be shown. A user without a password may be a token, and so may one that looks like no user. */
export const maskUser = (userinfo: string): string => {
  const [user = "", password] = userinfo.split(":");
  if (password === undefined) return MASK;
  return `${password !== "" && USER.test(user) && endOfMark(user) === undefined ? user : MASK}:${MASK}`;
};
