/**
 * What ffmpeg is asked to do, as data, and the list of words that says so. No shell reads them, and nothing in a value can become an option:
 * every value is a word of its own behind an option that takes one, every path begins with `file:`.
 */
import { AdapterError } from "../../domain/ports.ts";

/** Without the dash: `{ map: ["0:v:0"], "c:v": "copy", an: true }`. `true` takes no value, `false` is left out, a list is the option again. */
export type Options = Readonly<Record<string, string | number | boolean | readonly (string | number)[]>>;

/** A part of a recording: seconds from the file's beginning. A copy begins at the keyframe before `from`. */
export type Piece = { readonly file: string; readonly from?: number; readonly to?: number };

/** What can be read. A camera is reached through a relay of its own (../rtsp-relay.ts); its address stands on no command line. */
export type Source =
  | { readonly camera: string /** The tenant in whose turn its name is looked up. */; readonly whose?: string }
  | { readonly file: string }
  /** One after the other, as one. */
  | { readonly pieces: readonly Piece[] }
  /** A picture or a sound that ffmpeg makes: `testsrc=size=320x240`. */
  | { readonly made: string };

export type Input = { readonly from: Source; readonly options?: Options };
export type Output = {
  readonly to: { readonly file: string } /** Into `output` of what the session comes to. */ | "memory" | "nothing";
  /** A muxer: `hls`, `mp4`, `image2`, `null`. */
  readonly format: string;
  readonly options?: Options;
};
export type Arguments = { readonly inputs: readonly Input[]; readonly outputs: readonly Output[] };

const NAME = /^[a-z][a-z0-9_-]*(?::[a-z0-9:]+)?$/i;
/** Said here, or reading and writing files that are not named here. */
const OURS =
  /^(?:i|f|y|n|nostdin|stdin|hide_banner|loglevel|v|progress|protocol_whitelist|protocol_blacklist|safe|report|dump|f?pre|vpre|apre|spre|vstats_file|attach|dump_attachment|filter_script|filter_complex_script|sdp_file|passlogfile|init_hw_device|cpuflags)(?::|$)/i;

const wrong = (what: string): AdapterError => new AdapterError("bad-query", `ffmpeg is not asked: ${what}.`, { retryable: false });

const word = (text: string): string => {
  // A word cannot hold it, and what stands behind it would be lost.
  if (text.includes("\0")) throw wrong("a value holds a NUL");
  return text;
};

const valueText = (value: string | number): string => {
  if (typeof value === "number" && !Number.isFinite(value)) throw wrong("a value is no number");
  return word(String(value));
};

const entries = (options: Options): readonly (readonly [name: string, value: string | undefined])[] =>
  Object.entries(options).flatMap(([name, value]): (readonly [string, string | undefined])[] => {
    if (!NAME.test(name)) throw wrong(`${JSON.stringify(name)} is no name of an option`);
    if (OURS.test(name)) throw wrong(`the option ${name} is not for those who ask`);
    if (value === false) return [];
    if (value === true) return [[name, undefined]];
    return (Array.isArray(value) ? value : [value]).map((one) => [name, valueText(one as string | number)]);
  });

const words = (options: Options): readonly string[] =>
  entries(options).flatMap(([name, value]) => (value === undefined ? [`-${name}`] : [`-${name}`, value]));

const fileWord = (path: string): string => `file:${word(path)}`;

/** A list for ffmpeg's concat demuxer. In quotes everything is as it is; a quote ends them. */
const quoted = (text: string): string => {
  if (/[\r\n]/.test(text)) throw wrong("a name holds the end of a line");
  return `'${word(text).replaceAll("'", "'\\''")}'`;
};
const HEAD = "ffconcat version 1.0";

const pieceLines = ({ file, from, to }: Piece): readonly string[] => [
  `file ${quoted(fileWord(file))}`,
  ...(from === undefined ? [] : [`inpoint ${valueText(from)}`]),
  ...(to === undefined ? [] : [`outpoint ${valueText(to)}`]),
];

/** What a list of pieces says. */
export const listOfPieces = (pieces: readonly Piece[]): string => `${[HEAD, ...pieces.flatMap(pieceLines)].join("\n")}\n`;

/** A list of one address. Its options stand in the list, since those before `-i` would be the list's own; and it may use TCP, nothing else. */
export const listOfAddress = (url: string, options: Options): string =>
  `${[
    HEAD,
    `file ${quoted(url)}`,
    ...entries(options).map(([name, value]) => `option ${name} ${quoted(value ?? "1")}`),
    "option protocol_whitelist tcp",
  ].join("\n")}\n`;

const LIST = ["-protocol_whitelist", "file,tcp", "-safe", "0", "-f", "concat", "-i"];
const PIECES = ["-protocol_whitelist", "file", "-safe", "0", "-f", "concat", "-i"];

/** The words that stand for an input. `list`: the file its list is in, where it has one. */
export const inputWords = ({ from, options = {} }: Input, list: string | undefined): readonly string[] => {
  if ("made" in from) return [...words(options), "-f", "lavfi", "-i", word(from.made)];
  if ("file" in from) return [...words(options), "-protocol_whitelist", "file", "-i", fileWord(from.file)];
  if (list === undefined) throw wrong("an input has no list");
  // The options of a camera stand in its list. ffmpeg looks at the list as well: for the rate it would wait for twenty pictures again.
  const again: Options = options.fpsprobesize === undefined ? {} : { fpsprobesize: options.fpsprobesize };
  return "camera" in from ? [...words(again), ...LIST, fileWord(list)] : [...words(options), ...PIECES, fileWord(list)];
};

const outputWords = ({ to, format, options = {} }: Output): readonly string[] => {
  if (!/^[a-z0-9_]+$/.test(format)) throw wrong(`${JSON.stringify(format)} is no format`);
  const target = to === "memory" ? "pipe:1" : to === "nothing" ? "-" : fileWord(to.file);
  return [...words(options), "-f", format, target];
};

/** Where ffmpeg tells how far it is. */
const PROGRESS_FD = 3;

/** All words after `ffmpeg`. `lists`: the file of each input's list. */
export const argv = ({ inputs, outputs }: Arguments, lists: readonly (string | undefined)[]): readonly string[] => {
  if (outputs.filter(({ to }) => to === "memory").length > 1) throw wrong("two outputs go to memory");
  return [
    "-nostdin",
    "-hide_banner",
    "-y",
    ...["-loglevel", "level+warning"],
    ...["-progress", `pipe:${PROGRESS_FD}`, "-stats_period", "0.5"],
    ...inputs.flatMap((input, at) => inputWords(input, lists[at])),
    ...outputs.flatMap(outputWords),
  ];
};
