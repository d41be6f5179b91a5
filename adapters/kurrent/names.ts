/** Our names and positions as KurrentDB's, and back. */
import { AdapterError, type Position } from "../../domain/ports.ts";

/** What stands in names of decision streams as they are; anything else becomes `@` and four hexadecimal digits. */
const OTHERS = /[^A-Za-z0-9\-_.!~*'()%/]/g;
const ESCAPED = /@([0-9a-f]{4})/g;
const escaped = (name: string): string => name.replace(OTHERS, (unit) => `@${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
const unescaped = (name: string): string => name.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

/** What the names of all decision streams of this house begin with, and no other stream of ours. */
export const followedPrefix = (prefix: string): string => `${prefix}.`;
export const streamName = (prefix: string, stream: string): string => followedPrefix(prefix) + escaped(stream);
/** Undefined: not ours, though it begins alike. */
export const streamOf = (prefix: string, name: string): string | undefined => {
  const stream = unescaped(name.slice(followedPrefix(prefix).length));
  return streamName(prefix, stream) === name ? stream : undefined;
};
export const bookmarkName = (prefix: string, name: string): string => `${prefix}-bookmark.${escaped(name)}`;

/** A place in `$all`. Reading from there begins after it. */
export type Place = { readonly commit: bigint; readonly prepare: bigint };

const MOST = BigInt(Number.MAX_SAFE_INTEGER) / 2n;

/**
 * The position to go on from after this place. KurrentDB reads only from places it named itself, anything else it takes for damage;
 * they are of two kinds, an event's (commit and prepare alike) and the beginning of what it looks at next (prepare before commit).
 * So the number says which: twice the commit position, and one more for an event's.
 */
export const positionAfter = ({ commit, prepare }: Place): Position => {
  if (commit >= MOST)
    throw new AdapterError("too-large", `KurrentDB's log has grown beyond ${MOST} bytes: its positions have no number here.`, {
      retryable: false,
    });
  return Number(commit) * 2 + (prepare === commit ? 1 : 0);
};

/** Undefined: from the beginning. */
export const placeBefore = (position: Position): Place | undefined => {
  if (position === 0) return undefined;
  const commit = BigInt(Math.floor(position / 2));
  return { commit, prepare: position % 2 === 1 ? commit : 0n };
};
