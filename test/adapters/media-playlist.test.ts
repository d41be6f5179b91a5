import { describe, expect, it } from "vitest";
import { type Entry, playlistText, readList, targetOf } from "../../adapters/media-ffmpeg/playlist.ts";
import { initName, readName, segmentName } from "../../adapters/media-ffmpeg/read.ts";
import { sightOf } from "../../adapters/media-ffmpeg/sight.ts";
import { timeline } from "../../adapters/media-ffmpeg/timing.ts";
import type { MediaEvent } from "../../domain/media.ts";
import { readPlaylist } from "../support/playlists.ts";

const NOON = Date.parse("2026-03-01T12:00:00.000Z");
const entry = (number: number, more: Partial<Entry> = {}): Entry => ({
  ...{ uri: segmentName(number), start: NOON + number * 2000, durationMs: 2000, init: "init.mp4", isNew: false },
  ...more,
});
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a playlist", () => {
  it("says of each piece when it was, how long it is, and how to read it", () => {
    const entries = [entry(7, { isNew: true }), entry(8, { durationMs: 2499 }), entry(9, { isNew: true, init: "init-2.mp4" })];
    const target = targetOf(entries.map(({ durationMs }) => durationMs));
    const read = readPlaylist(utf8(playlistText(entries, { target, sequence: 7, discontinuities: 3, kind: "live" })));
    expect(read).toEqual({
      target: 2,
      sequence: 7,
      ends: false,
      kind: undefined,
      segments: [
        { uri: "s00007.m4s", seconds: 2, at: NOON + 14_000, init: "init.mp4", isNew: false, breaks: 3 },
        { uri: "s00008.m4s", seconds: 2.499, at: NOON + 16_000, init: "init.mp4", isNew: false, breaks: 3 },
        { uri: "s00009.m4s", seconds: 2, at: NOON + 18_000, init: "init-2.mp4", isNew: true, breaks: 4 },
      ],
    });
  });

  it("says where in it players begin, and else leaves that to them", () => {
    const begins = (beginMs?: number) => {
      const head = { target: 2, sequence: 0, discontinuities: 0, kind: "vod", ...(beginMs === undefined ? {} : { beginMs }) } as const;
      return readPlaylist(utf8(playlistText([entry(0), entry(1)], head))).begins;
    };
    expect([begins(1234), begins(7), begins()]).toEqual([
      { seconds: 1.234, isPrecise: true },
      { seconds: 0.007, isPrecise: true },
      undefined,
    ]);
  });

  it("has the longest piece, rounded, as its target", () => {
    expect([targetOf([]), targetOf([100]), targetOf([1499, 2500]), targetOf([60_000])]).toEqual([1, 1, 3, 60]);
  });

  it("holds nothing that would end a line or a quote", () => {
    for (const uri of ["a\nb", 'a"b', "a\r"])
      expect(() => playlistText([entry(1, { uri })], { target: 2, sequence: 0, discontinuities: 0, kind: "vod" })).toThrow(/cannot/);
  });

  it("of ffmpeg's is read with the pieces that are whole", () => {
    const text =
      '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2.000391,\ns00000.m4s\n#EXTINF:0.5,\n#EXT-X-PROGRAM-DATE-TIME:x\na/s00001.m4s\n#EXTINF:2,\ns0000';
    expect(readList(text)).toEqual([
      { name: "s00000.m4s", durationMs: 2000 },
      { name: "s00001.m4s", durationMs: 500 },
    ]);
  });
});

describe("the names in a stream", () => {
  it("are written in one way each", () => {
    for (const number of [0, 1, 99_999, 100_000, 123_456_789]) expect(readName(segmentName(number))).toEqual({ segment: number });
    for (const number of [1, 2, 10, 999_999_999]) expect(readName(initName(number))).toEqual({ init: number });
    for (const name of ["init-1.mp4", "init-02.mp4", "init-.mp4", "s1.m4s", "s000001.m4s", "s00001.m4s ", "", "INDEX.m3u8", "s٠٠٠٠١.m4s"])
      expect(readName(name), name).toBeUndefined();
  });
});

describe("the instants of a film", () => {
  const delays = (count: number, delay: (at: number) => number) => {
    const place = timeline();
    return Array.from({ length: count }, (_, at) => {
      const { start, end, jumped } = place(2000, NOON + (at + 1) * 2000 + delay(at));
      return { off: start - (NOON + at * 2000), jumped, length: end - start };
    });
  };

  it("go towards the least delay, in steps nobody sees", () => {
    const seen = delays(60, (at) => (at === 0 ? 90 : (at * 37) % 41));
    expect(seen[0]).toEqual({ off: 90, jumped: true, length: 2000 });
    expect(seen.slice(1).some(({ jumped }) => jumped)).toBe(false);
    expect(seen.at(-1)?.off).toBeLessThan(15);
    for (const [at, { off }] of seen.entries()) if (at > 0) expect(Math.abs(off - (seen[at - 1]?.off ?? 0))).toBeLessThanOrEqual(5);
  });

  it("follow a clock that runs wrong", () => {
    const seen = delays(500, (at) => at * 2);
    expect(seen.filter(({ jumped }) => jumped)).toHaveLength(1);
    expect(Math.abs((seen.at(-1)?.off ?? 0) - 998)).toBeLessThan(30);
  });

  it("are taken anew where a clock has jumped", () => {
    for (const jump of [10_000, -10_000]) {
      const seen = delays(10, (at) => (at < 5 ? 0 : jump));
      expect(seen.map(({ jumped }) => jumped)).toEqual([true, false, false, false, false, true, false, false, false, false]);
      expect(seen.at(-1)?.off).toBe(jump);
    }
  });
});

describe("whether a camera is seen", () => {
  const door = { tenant: "t1", camera: "door" };
  const video = { codec: "h264", width: 320, height: 180, fps: 10, isReordered: false } as const;
  const gone = { reason: "ended", message: "The camera ended the connection." } as const;
  const told = (camera = door) => {
    const events: MediaEvent[] = [];
    const sight = sightOf(
      camera,
      () => NOON,
      (event) => events.push(event),
    );
    return { events, sight, kinds: () => events.map(({ kind }) => kind) };
  };

  it("is told when it changes, each time", () => {
    const { events, sight } = told();
    for (let times = 0; times < 2; times += 1) {
      for (let piece = 0; piece < 3; piece += 1) sight.seen(video);
      for (let again = 0; again < 3; again += 1) sight.lost(gone);
    }
    const { isReordered: _, ...picture } = video;
    const [online, offline] = [
      { ...door, kind: "camera-online", at: NOON, ...picture },
      { ...door, kind: "camera-offline", at: NOON, failure: gone },
    ];
    expect(events).toEqual([online, offline, online, offline]);
  });

  it("is told where the camera could not be seen from the beginning", () => {
    const { sight, kinds } = told();
    sight.lost(gone);
    sight.lost({ ...gone, reason: "timeout" });
    expect(kinds()).toEqual(["camera-offline"]);
  });

  it("is open again when nobody looks any more, which is told of what was gone only", () => {
    const { sight, kinds } = told();
    sight.end();
    sight.seen(video);
    sight.end();
    expect(kinds()).toEqual(["camera-online"]);
    sight.lost(gone);
    sight.end();
    sight.end();
    expect(kinds().slice(1)).toEqual(["camera-offline", "camera-unwatched"]);
  });

  it("is not told by what is wrong here, nor by what may not or cannot be shown", () => {
    const { sight, kinds } = told();
    const ours = ["missing", "storage", "memory", "full", "too-large", "too-long", "unknown"] as const;
    const theirs = ["busy", "unauthorized", "not-allowed", "certificate", "redirected", "codec"] as const;
    const nothing = () => {
      for (const reason of [...ours, ...theirs]) sight.lost({ reason, message: "here" });
    };
    nothing();
    sight.seen(video);
    nothing();
    expect(kinds()).toEqual(["camera-online"]);
    sight.lost(gone);
    nothing();
    expect(kinds()).toEqual(["camera-online", "camera-offline"]);
  });
});
