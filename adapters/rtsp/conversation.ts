/** Requests of ffmpeg to a camera and the camera's answers, each in the words its reader expects. See ../rtsp-relay.ts. */
import type { Socket } from "node:net";
import { limits } from "../../domain/limits.ts";
import { authorization, type Challenge, type Credentials, strongest } from "./authorization.ts";
import type { Ending } from "./end.ts";
import { headerOf, headersOf, type Message, NoRtsp, type Request, requestOf, rtspReader, statusOf, written } from "./messages.ts";

export type Parties = {
  /** The relay's own address, which ffmpeg uses. */
  readonly ours: string;
  /** The same for the camera. */
  readonly theirs: string;
  readonly credentials: Credentials | undefined;
  readonly finish: (end: Ending) => void;
  /** Called with the length of media as it comes. */
  readonly media: (bytes: number) => void;
};
type Asked = { readonly message: Message; readonly request: Request; readonly theirNumber: string; readonly challenges: number };

/** A camera may forget a challenge it made while we answer: then it makes another, once. */
const MOST_CHALLENGES = 2;

const replaced = (message: Message, name: string, value: string | undefined): Message => ({
  ...message,
  headers: [
    ...message.headers.filter(([one]) => one.toLowerCase() !== name.toLowerCase()),
    ...(value === undefined ? [] : [[name, value] as const]),
  ],
});

/** What a camera means that does not do what it is asked. */
const refused = (method: string, status: number): Ending => {
  if (status === 403) return { reason: "unauthorized", message: "The camera does not let this user see the stream (403)." };
  if (status === 404 || status === 410) return { reason: "not-found", message: `The camera has no such stream (${status}).` };
  if (status === 453 || status === 503) return { reason: "busy", message: `The camera has no room for another viewer now (${status}).` };
  if (status === 461) return { reason: "not-interleaved", message: "The camera does not send its packets over this connection (461)." };
  return { reason: "unknown", message: `The camera answers ${method} with ${status}.` };
};

/** Joins both until one of them ends. `begun` is what ffmpeg has sent so far. */
export const converse = (child: Socket, camera: Socket, begun: Buffer, parties: Parties): void => {
  const { ours, theirs, credentials, finish, media } = parties;
  const asked = new Map<string, Asked>();
  let number = 0;
  let challenge: Challenge | undefined;
  let answered = 0;
  /** Since when the camera owes us an answer or a packet. */
  let heardAt = performance.now();
  let isPlaying = false;
  let isOver = false;

  // What follows is appended also behind a query, as every client does and cameras expect.
  const addressFor = (uri: string): string => (uri.startsWith(ours) ? `${theirs}${uri.slice(ours.length)}` : uri);

  const send = (told: Asked) => {
    number += 1;
    const { message, request } = told;
    const cseq = String(number);
    if (asked.size >= limits.rtspOpenRequests)
      return finish({ reason: "timeout", message: "The camera leaves requests without an answer." });
    if (asked.size === 0) heardAt = performance.now();
    asked.set(cseq, told);
    if (challenge !== undefined) answered += 1;
    const proof =
      challenge === undefined || credentials === undefined ? undefined : authorization(challenge, credentials, request, answered);
    const start = `${request.method} ${request.uri} RTSP/1.0`;
    camera.write(written(replaced(replaced({ ...message, start }, "CSeq", cseq), "Authorization", proof)));
  };

  const onRequest = (message: Message) => {
    const request = requestOf(message);
    // An answer of ffmpeg to a request of the camera: none is handed on, so there is none.
    if (request === undefined) return;
    if (request.method === "PLAY") isPlaying = true;
    if (request.method === "PAUSE") isPlaying = false;
    if (request.method === "TEARDOWN") isOver = true;
    send({ message, request: { ...request, uri: addressFor(request.uri) }, theirNumber: headerOf(message, "cseq") ?? "0", challenges: 0 });
  };

  /** Whether the request was sent once more, now with an answer to the challenge. */
  const proved = (message: Message, before: Asked): boolean => {
    const offered = strongest(headersOf(message, "www-authenticate"));
    if (credentials === undefined || offered === undefined || before.challenges >= MOST_CHALLENGES) return false;
    // The same challenge again means that our answer to it was wrong.
    if (before.challenges > 0 && (offered.scheme === "basic" || !/stale\s*=\s*"?true/i.test(headersOf(message, "www-authenticate").join())))
      return false;
    challenge = offered;
    answered = 0;
    send({ ...before, challenges: before.challenges + 1 });
    return true;
  };

  const onAnswer = (message: Message) => {
    const status = statusOf(message);
    if (status === undefined) return onTheirRequest(message);
    const cseq = headerOf(message, "cseq") ?? "";
    const before = asked.get(cseq);
    if (before === undefined) return;
    asked.delete(cseq);
    if (status >= 300 && status < 400)
      return finish({
        reason: "redirected",
        message: `The camera names another address (${status}), and no camera is followed elsewhere.`,
      });
    if (status === 401) {
      if (proved(message, before)) return;
      child.write(written(replaced(message, "CSeq", before.theirNumber)));
      const why = credentials === undefined ? "and none are known" : "and does not take those it was given";
      return finish({ reason: "unauthorized", message: `The camera wants a user and a password, ${why}.` });
    }
    if (
      before.request.method === "SETUP" &&
      status === 200 &&
      !/\bRTP\/AVP\/TCP\b|\binterleaved=/i.test(headerOf(message, "transport") ?? "")
    )
      return finish({ reason: "not-interleaved", message: "The camera would send its packets elsewhere than over this connection." });
    child.write(written(replaced(message, "CSeq", before.theirNumber)));
    const { method } = before.request;
    if (status < 400 || (method !== "DESCRIBE" && method !== "SETUP" && method !== "PLAY")) return;
    finish(refused(method, status));
  };

  const onTheirRequest = (message: Message) => {
    const request = requestOf(message);
    if (request === undefined) throw new NoRtsp("this is neither an answer nor a request");
    if (request.method === "REDIRECT")
      return finish({ reason: "redirected", message: "The camera names another address, and no camera is followed elsewhere." });
    const cseq = headerOf(message, "cseq");
    camera.write(
      written({ start: "RTSP/1.0 501 Not Implemented", headers: cseq === undefined ? [] : [["CSeq", cseq]], body: Buffer.alloc(0) }),
    );
  };

  /** Feeds one side's bytes to its reader, and waits where the other does not keep up. */
  const join = (from: Socket, to: Socket, message: (message: Message) => void, end: Ending): ((bytes: Buffer) => void) => {
    const reader = rtspReader({
      message,
      packets: (bytes) => {
        if (from === camera) media(bytes.length);
        if (!to.write(bytes)) from.pause();
      },
    });
    const read = (bytes: Buffer): void => {
      if (from === camera) heardAt = performance.now();
      try {
        reader(bytes);
      } catch (error) {
        if (!(error instanceof NoRtsp)) throw error;
        finish(from === camera ? { reason: "garbage", message: `What the camera sends is no RTSP: ${error.message}.` } : end);
      }
    };
    from.on("data", read);
    to.on("drain", () => from.resume());
    return read;
  };
  const byUs: Ending = { reason: "closed", message: "It was closed here." };
  const fromChild = join(child, camera, onRequest, byUs);
  join(camera, child, onAnswer, byUs);

  // A camera that is held back because ffmpeg does not keep up is not silent.
  const look = setInterval(() => {
    if (camera.isPaused() || (asked.size === 0 && !isPlaying)) heardAt = performance.now();
    else if (performance.now() - heardAt > limits.cameraSilenceMs)
      finish({
        reason: "timeout",
        message: isPlaying && asked.size === 0 ? "The camera sends nothing any more." : "The camera does not answer.",
      });
  }, limits.cameraSilenceMs / 10);
  const gone = (end: Ending): void => {
    clearInterval(look);
    finish(end);
  };
  child.on("close", () => gone(byUs));
  camera.on("error", () => undefined); // Its end is told by `close`.
  const ended: Ending = { reason: "ended", message: "The camera ended the connection." };
  camera.on("close", () => gone(isOver ? byUs : ended));
  camera.setNoDelay(true);
  if (child.destroyed) gone(byUs);
  else {
    fromChild(begun);
    child.resume();
  }
};
