/**
 * Between ffmpeg and one camera: a door on loopback for one connection, through which nothing but that camera is reached.
 *
 * ffmpeg by itself follows a camera's redirects to any host. It is given the relay's address instead, and the relay connects to exactly
 * the addresses that were judged, refuses redirects, and hands on packets over this one connection only.
 *
 * The relay also answers when the camera asks who we are; ffmpeg never has the password. A digest is made over the method and the address
 * as they stand in the request, and strict cameras compare it with the address they go by: made by ffmpeg it would be over the relay's
 * address, and could not be put right without the password. And what ffmpeg does not know it cannot show, in `ps` or in what it prints.
 *
 * Rewritten in requests: the relay's address to the camera's, CSeq (a request that was refused is sent again), Authorization. In answers: CSeq.
 * For rtsps the relay is the end of TLS: on loopback it is plain.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../domain/limits.ts";
import type { CameraNetwork } from "../domain/ports.ts";
import { type RtspParts, readRtsp } from "../domain/rtsp.ts";
import { credentialsOf } from "./rtsp/authorization.ts";
import { connectToCamera } from "./rtsp/connect.ts";
import { converse } from "./rtsp/conversation.ts";
import type { Ending, RelayEnd } from "./rtsp/end.ts";
import { type Message, requestOf, rtspReader } from "./rtsp/messages.ts";

export type RtspRelay = {
  /** What ffmpeg is given: `rtsp://127.0.0.1:port/` and a word that only who is told can know. Good for one connection. */
  readonly url: string;
  /** Why it ended: the first thing that went wrong. Never rejects. */
  readonly ended: Promise<RelayEnd>;
  /** Ends it; `closed` unless something went wrong before. */
  close(): void;
};

export type RelaySettings = {
  readonly network: CameraNetwork;
  /** The tenant in whose turn the camera's name is looked up. */
  readonly whose?: string;
  /** Whether a camera's certificate (rtsps) must be good for its name. NODE_EXTRA_CA_CERTS adds authorities. True by default. */
  readonly certificates?: boolean;
};

/** The camera's address without credentials, as the camera knows it. */
const plainAddress = ({ scheme, host, isBracketed, port, hasPort, rest }: RtspParts): string =>
  `${scheme}://${isBracketed ? `[${host}]` : host}${hasPort ? `:${port}` : ""}${rest}`;

/** `camera` is an rtsp or rtsps address, credentials included. Rejects only where no port of loopback can be had. */
export const openRtspRelay = async (camera: string, { network, certificates = true, whose = "" }: RelaySettings): Promise<RtspRelay> => {
  const word = randomBytes(16).toString("hex");
  const stop = new AbortController();
  const sockets = new Set<Socket>();
  let end: RelayEnd | undefined;
  let tell: (end: RelayEnd) => void = () => undefined;
  const ended = new Promise<RelayEnd>((resolve) => {
    tell = resolve;
  });

  const server = createServer({ pauseOnConnect: true });
  let mediaBytes = 0;
  const finish = (how: Ending): void => {
    if (end !== undefined) return;
    end = { ...how, mediaBytes };
    stop.abort();
    server.close();
    // What was written before goes out first: an answer that says why.
    for (const socket of sockets) socket.destroySoon();
    tell(end);
  };

  server.maxConnections = limits.relayConnections;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ours = `rtsp://127.0.0.1:${port}/${word}`;

  /** The first that knows the word has the relay; all others are sent away unheard. */
  let isTaken = false;
  const take = async (child: Socket, bytes: Buffer): Promise<void> => {
    isTaken = true;
    server.close();
    for (const other of sockets) if (other !== child) other.destroy();
    const parts = readRtsp(camera);
    if ("flaw" in parts) return finish({ reason: "not-allowed", message: `The camera's address ${parts.flaw}.` });
    const reached = await connectToCamera(camera, parts, { network, certificates, whose, stop: stop.signal });
    if ("reason" in reached) return finish(reached);
    sockets.add(reached.socket);
    if (end !== undefined) return void reached.socket.destroy();
    const { userinfo } = parts;
    converse(child, reached.socket, bytes, {
      ours,
      theirs: plainAddress(parts),
      credentials: userinfo === undefined ? undefined : credentialsOf(userinfo),
      finish,
      media: (length) => {
        mediaBytes += length;
      },
    });
  };

  server.on("connection", (child) => {
    sockets.add(child);
    child.on("error", () => undefined); // Its end is told by `close`.
    child.on("close", () => {
      sockets.delete(child);
    });
    if (isTaken || end !== undefined) {
      child.destroy();
      return;
    }
    child.setTimeout(limits.relayWaitMs, () => child.destroy());
    let held: Buffer = Buffer.alloc(0);
    const listen = (chunk: Buffer): void => {
      held = Buffer.concat([held, chunk]);
      const first = firstRequest(held);
      if (first === "more") return;
      child.off("data", listen);
      const uri = first === "none" ? undefined : requestOf(first)?.uri;
      if (isTaken || (uri !== ours && !uri?.startsWith(`${ours}/`))) return void child.destroy();
      child.setTimeout(0);
      child.pause();
      void take(child, held);
    };
    child.on("data", listen);
    child.resume();
  });
  server.on("error", (error) => finish({ reason: "unknown", message: error.message }));
  void sleep(limits.relayWaitMs, undefined, { signal: stop.signal, ref: false }).then(
    () => isTaken || finish({ reason: "closed", message: "Nobody came." }),
    () => undefined,
  );
  return { url: ours, ended, close: () => finish({ reason: "closed", message: "It was closed here." }) };
};

const firstRequest = (bytes: Buffer): Message | "more" | "none" => {
  let found: Message | undefined;
  try {
    rtspReader({
      message: (message) => {
        found ??= message;
      },
      packets: () => undefined,
    })(bytes);
  } catch {
    return found ?? "none";
  }
  return found ?? "more";
};
