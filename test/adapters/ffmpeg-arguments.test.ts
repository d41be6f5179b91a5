import { describe, expect, it } from "vitest";
import { type Arguments, argv, listOfAddress, listOfPieces, type Options } from "../../adapters/ffmpeg/arguments.ts";
import { failureFrom } from "../../adapters/ffmpeg/failure.ts";
import { logKeeper, readLine, scrubbed } from "../../adapters/ffmpeg/logs.ts";
import { progressReader, type Statistics } from "../../adapters/ffmpeg/statistics.ts";
import { limits } from "../../domain/limits.ts";
import { CANARY, canaryUrls } from "../support/canary.ts";

const copyOf = (file: string, options: Options = {}): Arguments => ({
  inputs: [{ from: { file } }],
  outputs: [{ to: { file: "/data/out.mp4" }, format: "mp4", options: { map: ["0:v:0", "0:a:0"], c: "copy", an: false, ...options } }],
});

describe("what ffmpeg is asked", () => {
  it("is a list of words: ours first, then inputs, then outputs", () => {
    expect(argv(copyOf("/data/in.mp4"), [undefined]).join(" ")).toBe(
      "-nostdin -hide_banner -y -loglevel level+warning -progress pipe:3 -stats_period 0.5 " +
        "-protocol_whitelist file -i file:/data/in.mp4 -map 0:v:0 -map 0:a:0 -c copy -f mp4 file:/data/out.mp4",
    );
  });

  it.each(["-i", "http://10.0.0.1/x", "concat:a|b", "pipe:0", "a b'c", "../up"])("takes no path for anything but a path: %s", (path) => {
    expect(argv(copyOf(path), [undefined])).toContain(`file:${path}`);
  });

  it.each([
    "i",
    "protocol_whitelist",
    "f",
    "report",
    "filter_script:v",
    "safe",
    "progress",
    "-c",
    "c copy",
    "",
    "map;rm",
    "y",
    "pre",
    "vpre",
  ])("lets nobody use an option that is ours, or none: %s", (name) => {
    expect(() => argv(copyOf("/a", { [name]: "1" }), [undefined])).toThrow(/ffmpeg is not asked/);
  });

  it("keeps values apart from options, whatever is in them", () => {
    const words = argv(copyOf("/a", { metadata: "title=-i /etc/passwd; rm -rf" }), [undefined]);
    expect(words[words.indexOf("-metadata") + 1]).toBe("title=-i /etc/passwd; rm -rf");
  });

  it.each([{ t: Number.NaN }, { t: Number.POSITIVE_INFINITY }, { title: "a\0b" }] as Options[])(
    "refuses a value that is none: %o",
    (options) => {
      expect(() => argv(copyOf("/a", options), [undefined])).toThrow(/ffmpeg is not asked/);
    },
  );

  it("has one output in memory at most", () => {
    const memory = { to: "memory", format: "image2" } as const;
    expect(() => argv({ inputs: [], outputs: [memory, memory] }, [])).toThrow("two outputs go to memory");
  });

  it("writes lists in which a quote ends nothing, and a line cannot be ended", () => {
    expect(listOfPieces([{ file: "/a/it's.mp4", from: 1.5, to: 3 }, { file: "/b.mp4" }])).toBe(
      "ffconcat version 1.0\nfile 'file:/a/it'\\''s.mp4'\ninpoint 1.5\noutpoint 3\nfile 'file:/b.mp4'\n",
    );
    expect(() => listOfPieces([{ file: "/a\nfile /etc/passwd" }])).toThrow("the end of a line");
    expect(() => listOfAddress("rtsp://a", { user_agent: "a'\noption x y" })).toThrow("the end of a line");
  });

  it("lets a camera's input use TCP and nothing else", () => {
    expect(listOfAddress("rtsp://127.0.0.1:5/x", { fflags: "+genpts" })).toBe(
      "ffconcat version 1.0\nfile 'rtsp://127.0.0.1:5/x'\noption fflags '+genpts'\noption protocol_whitelist tcp\n",
    );
  });
});

describe("a camera's film, which stands in a list", () => {
  const wordsOf = (options: Options): string =>
    argv({ inputs: [{ from: { camera: "rtsp://camera/" }, options }], outputs: [] }, ["/lists/a"]).join(" ");

  it("is looked at for its rate neither by itself nor as that list", () => {
    const LIST = "-protocol_whitelist file,tcp -safe 0 -f concat -i file:/lists/a";
    expect(wordsOf({ fflags: "+genpts", fpsprobesize: 0 })).toMatch(new RegExp(` -fpsprobesize 0 ${LIST}$`));
    expect(wordsOf({ fflags: "+genpts" })).toMatch(new RegExp(`-stats_period 0.5 ${LIST}$`));
  });
});

describe("what ffmpeg says", () => {
  it.each([
    ["[warning] slow", { level: "warning", text: "slow" }],
    ["[h264 @ 0x55db60eef840] [error] no frame!", { level: "error", from: "h264", text: "no frame!" }],
    ["[concat @ 0x1] [rtsp @ 0x2] [fatal] gone", { level: "fatal", from: "rtsp", text: "gone" }],
    ["Unrecognized option 'x'.", { level: "error", text: "Unrecognized option 'x'." }],
  ])("has a level and a speaker: %s", (line, read) => {
    expect(readLine(line)).toEqual(read);
  });

  it.each([
    canaryUrls.userinfo(),
    canaryUrls.user(),
    `RTSP://u:${CANARY}@[::1]:554/x`,
    `'rtsp://u:a@${CANARY}@host'`,
    `rtsp://u:${CANARY}`,
    `rtsp://u:12${CANARY}`,
  ])("shows no credentials of addresses, cut off or not: case %#", (text) => {
    expect(scrubbed(`cannot open ${text}`, [])).not.toContain(CANARY);
  });

  it("shows nothing it was told is secret, and leaves the rest as it is", () => {
    expect(scrubbed(canaryUrls.query(), [CANARY])).not.toContain(CANARY);
    const plain = "tcp://127.0.0.1:554 and rtsp://10.0.0.1:8554/stream and 10:11@12";
    expect(scrubbed(plain, [])).toBe(plain);
  });

  it("keeps the newest lines, short ones, and says how many are gone", () => {
    const kept = logKeeper([CANARY]);
    for (let line = 0; line < limits.ffmpegLogLines + 5; line += 1) kept.push(`[warning] line ${line}\n`);
    expect([kept.lines.length, kept.dropped(), kept.lines[0]?.text]).toEqual([limits.ffmpegLogLines, 5, "line 5"]);
    // In pieces, and with the secret across the place where a line is cut off.
    kept.push(`[error] ${"x".repeat(limits.ffmpegLogLineBytes - 20)}`);
    kept.push(CANARY);
    kept.push("y".repeat(100 * limits.ffmpegLogLineBytes));
    kept.end();
    const last = kept.lines.at(-1)?.text ?? "";
    expect(last.length).toBeLessThanOrEqual(limits.ffmpegLogLineBytes + 1);
    expect(last).not.toContain(CANARY.slice(0, 4));
  });

  it("tells how far it is in blocks, however they arrive", () => {
    const seen: Statistics[] = [];
    const read = progressReader((statistics) => seen.push(statistics));
    const text = "frame=35\nfps=12.50\nbitrate= 128.3kbits/s\ntotal_size=36\nout_time_us=2414875\nspeed=1.5x\nprogress=continue\n";
    for (const letter of text) read(letter);
    read("frame=40\nfps=0.00\nbitrate=N/A\ntotal_size=N/A\nout_time_us=-5\nspeed=N/A\nprogress=end\n");
    expect(seen).toEqual([
      { frame: 35, fps: 12.5, timeMs: 2414.875, bitrate: 128.3, bytes: 36, speed: 1.5 },
      { frame: 40, fps: 0, timeMs: 0, bitrate: undefined, bytes: undefined, speed: undefined },
    ]);
  });

  it.each([
    ["[rtsp @ 0x1] [error] method DESCRIBE failed: 401 Unauthorized", "unauthorized"],
    ["[error] /x: Server returned 404 Not Found", "not-found"],
    ["[tcp @ 0x1] [error] Connection to tcp://10.0.0.1:554 failed: Connection refused", "unreachable"],
    ["[error] x: Connection timed out", "timeout"],
    ["[error] av_interleaved_write_frame(): No space left on device", "storage"],
    ["[error] Cannot allocate memory", "memory"],
    ["[fatal] Stream map '0:v:0' matches no streams.", "no-video"],
    ["[error] /x.mp4: Invalid data found when processing input", "garbage"],
    ["[error] something new", "unknown"],
  ])("means one of a few things: %s", (line, reason) => {
    expect(failureFrom([], [readLine("[warning] before"), readLine(line)], "silent").reason).toBe(reason);
    expect(failureFrom([], [], "silent")).toEqual({ reason: "unknown", message: "silent" });
  });
});
