/** What ffmpeg says on standard error, a line at a time, without credentials and not without end. */
import { limits } from "../../domain/limits.ts";

export type LogLevel = "panic" | "fatal" | "error" | "warning" | "info" | "verbose" | "debug" | "trace";
export type LogLine = {
  readonly level: LogLevel /** The part of ffmpeg that says it: `rtsp`, `h264`. */;
  readonly from?: string;
  readonly text: string;
};

const LINE = /^((?:\[[^\]]* @ 0x[0-9a-f]+\] ?)*)(?:\[(panic|fatal|error|warning|info|verbose|debug|trace)\] ?)?(.*)$/;

/** A line as `-loglevel level` writes it. What has no level is an error: ffmpeg writes so only when it cannot begin. */
export const readLine = (line: string): LogLine => {
  const [, speakers = "", level, text = ""] = LINE.exec(line) ?? [];
  const [, from] = /\[([^\]]*) @ 0x[0-9a-f]+\] ?$/.exec(speakers) ?? [];
  return { level: (level ?? "error") as LogLevel, ...(from === undefined ? {} : { from }), text };
};

/** Credentials in addresses, also where the address is cut off before its end, and what else is secret. */
export const scrubbed = (text: string, secrets: readonly string[]): string => {
  let out = text
    .replace(/(\/\/)[^\s/@]*(?:@[^\s/@]*)*@/g, "$1***@")
    .replace(/(\/\/)[^\s/@:]*:(?!\d{1,5}(?:[/\s'"?,;)]|$))[^\s@]*$/g, "$1***");
  for (const secret of secrets) if (secret !== "") out = out.replaceAll(secret, "***");
  return out;
};

/** As much of a line is looked at; what is kept of it is shorter by far, so that no half of a secret is left at its end. */
const READ = 16 * limits.ffmpegLogLineBytes;

/** Keeps the newest lines. */
export const logKeeper = (secrets: readonly string[]) => {
  const lines: LogLine[] = [];
  let dropped = 0;
  let rest = "";
  const keep = (line: string): void => {
    const clean = scrubbed(line, secrets);
    if (clean.trim() === "") return;
    lines.push(readLine(clean.length > limits.ffmpegLogLineBytes ? `${clean.slice(0, limits.ffmpegLogLineBytes)}…` : clean));
    if (lines.length <= limits.ffmpegLogLines) return;
    lines.shift();
    dropped += 1;
  };
  return {
    lines: lines as readonly LogLine[],
    /** How many older lines were dropped. */
    dropped: (): number => dropped,
    /** Takes text as it comes. */
    push(text: string): void {
      const parts = (rest + text).split(/\r?\n|\r/);
      rest = (parts.pop() as string).slice(0, READ);
      for (const part of parts) keep(part.slice(0, READ));
    },
    end(): void {
      keep(rest);
      rest = "";
    },
  };
};
