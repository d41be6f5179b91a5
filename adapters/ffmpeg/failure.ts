/** Why a film could not be read or written: by what the relay saw of the camera, and where that says nothing, by ffmpeg's own words. */
import type { MediaFailure as Failure } from "../../domain/media.ts";
import type { RelayEnd } from "../rtsp/end.ts";
import type { LogLine } from "./logs.ts";

const BY_WORDS: readonly (readonly [RegExp, Failure["reason"]])[] = [
  [/\b401 Unauthorized\b|\b403 Forbidden\b|authorization failed/i, "unauthorized"],
  [/\b404 Not Found\b|Server returned 404|Stream Not Found/i, "not-found"],
  [/Connection refused|No route to host|Network is unreachable|Host is down/i, "unreachable"],
  [/Connection timed out|Operation timed out|Connection reset by peer.*timeout/i, "timeout"],
  [/No space left on device|Read-only file system|Disk quota exceeded|Input\/output error.*writ/i, "storage"],
  [/Cannot allocate memory|Resource temporarily unavailable/i, "memory"],
  [/does not contain any stream|matches no streams|Output file #\d+ does not contain/i, "no-video"],
  [/Invalid data found when processing input|moov atom not found|Could not find codec parameters|Invalid NAL/i, "garbage"],
  [/No such file or directory/i, "not-found"],
];

const BAD: ReadonlySet<string> = new Set(["panic", "fatal", "error"]);

const byWords = (lines: readonly LogLine[]): Failure | undefined => {
  for (const [pattern, reason] of BY_WORDS) {
    const line = lines.findLast(({ text }) => pattern.test(text));
    if (line !== undefined) return { reason, message: line.text };
  }
  const last = lines.findLast(({ level }) => BAD.has(level));
  return last === undefined ? undefined : { reason: "unknown", message: last.text };
};

const BY_RELAY: Readonly<Partial<Record<RelayEnd["reason"], Failure["reason"]>>> = {
  unauthorized: "unauthorized",
  unreachable: "unreachable",
  "not-allowed": "not-allowed",
  certificate: "certificate",
  timeout: "timeout",
  "not-found": "not-found",
  redirected: "redirected",
  busy: "busy",
  "not-interleaved": "garbage",
  garbage: "garbage",
};

/** `relay`: how each relay of this run ended, where it has. `silent`: what to say where nobody said anything. */
export const failureFrom = (relay: readonly RelayEnd[], lines: readonly LogLine[], silent: string): Failure => {
  for (const { reason, message } of relay) {
    const told = BY_RELAY[reason];
    if (told !== undefined) return { reason: told, message };
  }
  const said = byWords(lines);
  const ended = relay.find(({ reason }) => reason === "ended");
  if (ended !== undefined && (said === undefined || said.reason !== "storage")) return { reason: "ended", message: ended.message };
  const unknown = relay.find(({ reason }) => reason === "unknown");
  if (said !== undefined && (said.reason !== "unknown" || unknown === undefined)) return said;
  return { reason: "unknown", message: unknown?.message ?? silent };
};
