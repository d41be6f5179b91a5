/** Playlists as two parsers of others read them: each must take every line of it, and both must read the same. */

import { parse, setOptions, type types } from "hls-parser";
import { Parser } from "m3u8-parser";
import { expect } from "vitest";

setOptions({ strictMode: true });

export type PlaylistRead = {
  readonly target: number;
  readonly sequence: number;
  readonly ends: boolean;
  readonly kind: "EVENT" | "VOD" | undefined;
  /** Seconds into it at which players begin. */
  readonly begins: { readonly seconds: number; readonly isPrecise: boolean } | undefined;
  readonly segments: readonly {
    readonly uri: string;
    readonly seconds: number;
    readonly at: number;
    readonly init: string;
    readonly isNew: boolean;
    /** Discontinuities before it, with those that are no longer in the playlist. */
    readonly breaks: number;
  }[];
};

const byHlsParser = (text: string): PlaylistRead => {
  const read = parse(text) as types.MediaPlaylist;
  return {
    target: read.targetDuration,
    sequence: read.mediaSequenceBase ?? 0,
    ends: read.endlist,
    kind: read.playlistType,
    begins: read.start && { seconds: read.start.offset, isPrecise: read.start.precise },
    segments: read.segments.map(({ uri, duration, programDateTime, map, discontinuity, discontinuitySequence }) => ({
      uri,
      seconds: duration,
      at: programDateTime?.getTime() ?? Number.NaN,
      init: map.uri,
      isNew: discontinuity === true,
      breaks: discontinuitySequence,
    })),
  };
};

const byM3u8Parser = (text: string): PlaylistRead => {
  const parser = new Parser();
  const complaints: string[] = [];
  for (const kind of ["info", "warn", "error"] as const) parser.on(kind, ({ message }) => complaints.push(message));
  parser.push(text);
  parser.end();
  expect(complaints).toEqual([]);
  const { targetDuration = Number.NaN, mediaSequence = Number.NaN, endList, playlistType, start, segments } = parser.manifest;
  return {
    target: targetDuration,
    sequence: mediaSequence,
    ends: endList === true,
    kind: playlistType,
    begins: start && { seconds: Number(start.timeOffset), isPrecise: start.precise === true },
    segments: segments.map(({ uri, duration, dateTimeObject, map, discontinuity, timeline = Number.NaN }) => ({
      uri,
      seconds: duration,
      at: dateTimeObject?.getTime() ?? Number.NaN,
      init: map?.uri ?? "",
      isNew: discontinuity === true,
      breaks: timeline,
    })),
  };
};

export const readPlaylist = (content: Uint8Array | undefined): PlaylistRead => {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  const read = byHlsParser(text);
  expect(byM3u8Parser(text)).toEqual(read);
  for (const { seconds } of read.segments) expect(Math.round(seconds)).toBeLessThanOrEqual(read.target);
  return read;
};
