/** Playlists (RFC 8216) of films in pieces of MP4. Our own: a film that goes on after a restart of ffmpeg is one playlist here. */
import type { Instant } from "../../domain/envelope.ts";

export type Entry = {
  readonly uri: string;
  readonly start: Instant;
  /** Above 0. */
  readonly durationMs: number;
  /** Of the piece that tells how to read it. Another one than before needs `isNew`. */
  readonly init: string;
  /** It does not go on where the one before has ended. */
  readonly isNew: boolean;
};

export type PlaylistHead = {
  /** Seconds; no entry may be longer by half a second. At least 1. */
  readonly target: number;
  /** The number of the first entry. */
  readonly sequence: number;
  /** How many entries before the first one were `isNew`. */
  readonly discontinuities: number;
  /** `event`: grows; `vod`: is whole and ends; `live`: grows, and loses its oldest. */
  readonly kind: "live" | "event" | "vod";
  /** Milliseconds into it at which players are to begin, to the picture; within its length. Where it is not said they choose. */
  readonly beginMs?: number;
  /** Not every entry, of these and of all before and after them, begins with a keyframe: a playlist may not say it now and then. */
  readonly hasDependent?: boolean;
};

/** The target duration that entries need: each rounded to whole seconds is at most that. */
export const targetOf = (durationsMs: readonly number[]): number =>
  durationsMs.reduce((most, ms) => Math.max(most, Math.round(ms / 1000)), 1);

const entryLines = (entry: Entry, before: Entry | undefined): readonly string[] => [
  // Before the first entry there is nothing that it could go on from.
  ...(entry.isNew && before !== undefined ? ["#EXT-X-DISCONTINUITY"] : []),
  ...(entry.init === before?.init ? [] : [`#EXT-X-MAP:URI="${entry.init}"`]),
  `#EXT-X-PROGRAM-DATE-TIME:${new Date(entry.start).toISOString()}`,
  `#EXTINF:${(entry.durationMs / 1000).toFixed(3)},`,
  entry.uri,
];

/** A playlist as text. Throws where a URI holds a quote or the end of a line: ours hold none. */
export const playlistText = (
  entries: readonly Entry[],
  { target, sequence, discontinuities, kind, beginMs, hasDependent = false }: PlaylistHead,
): string => {
  for (const { uri, init } of entries) if (/["\r\n]/.test(uri + init)) throw new Error("a URI in a playlist holds what it cannot");
  return `${[
    "#EXTM3U",
    "#EXT-X-VERSION:7",
    `#EXT-X-TARGETDURATION:${target}`,
    `#EXT-X-MEDIA-SEQUENCE:${sequence}`,
    `#EXT-X-DISCONTINUITY-SEQUENCE:${discontinuities}`,
    ...(kind === "live" ? [] : [`#EXT-X-PLAYLIST-TYPE:${kind.toUpperCase()}`]),
    ...(hasDependent ? [] : ["#EXT-X-INDEPENDENT-SEGMENTS"]),
    ...(beginMs === undefined ? [] : [`#EXT-X-START:TIME-OFFSET=${(beginMs / 1000).toFixed(3)},PRECISE=YES`]),
    ...entries.flatMap((entry, at) => entryLines(entry, entries[at - 1])),
    ...(kind === "vod" ? ["#EXT-X-ENDLIST"] : []),
  ].join("\n")}\n`;
};

/** Whole segments in a list of ffmpeg's, oldest first: their names and how long they are. */
export const readList = (text: string): readonly { readonly name: string; readonly durationMs: number }[] =>
  [...text.matchAll(/^#EXTINF:([\d.]+),[^\n]*\n(?:#[^\n]*\n)*([^#\n][^\n]*)\n/gm)].map(([, seconds, name = ""]) => ({
    name: name.slice(name.lastIndexOf("/") + 1),
    durationMs: Math.round(Number(seconds) * 1000),
  }));
