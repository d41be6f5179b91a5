/**
 * A camera of ours that does what cameras do when something is wrong with them. It speaks enough RTSP for one stream of H.264 over its
 * connection; its film is made by ffmpeg, and packed here.
 */
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { type Film, film, packets } from "./rtsp/film.ts";

export type Fault =
  | "none"
  /** Nobody's credentials are right. */
  | "unauthorized"
  /** Says nothing at all. */
  | "mute"
  | "hangs after DESCRIBE"
  | "hevc"
  | "no video"
  | "garbage"
  /** Answers as it should, then packets that are no film. */
  | "garbage packets"
  /** Would send to a UDP port of another host. */
  | "not interleaved"
  | { readonly redirect: string; readonly at: "OPTIONS" | "DESCRIBE" | "SETUP" | "PLAY" | "while playing" }
  | { readonly hangsAfter: number }
  | { readonly closesAfter: number }
  /** After so many packets the clock in them is so many seconds later or, below 0, earlier. */
  | { readonly jumpsAfter: number; readonly seconds: number };

export type Faulty = {
  readonly port: number;
  readonly url: string;
  /** What came, in order: the first line of each request. */
  readonly requests: readonly string[];
  /** Connections there were. */
  readonly connections: () => number;
  stop(): Promise<void>;
};

export type FaultyHow = {
  readonly fault: Fault;
  /** Asks for them by digest, strictly: over the very address of the request, which must be its own, and each nonce good for two requests. */
  readonly credentials?: {
    readonly user: string;
    readonly password: string;
    readonly algorithm?: "MD5" | "SHA-256";
    readonly qop?: boolean;
  };
  /** Speaks rtsps. */
  readonly tls?: { readonly key: string; readonly cert: string };
};

type Asked = { readonly method: string; readonly uri: string; readonly headers: ReadonlyMap<string, string> };

const REALM = 'a "camera"';
const SESSION = "12345678";

const sdp = (fault: Fault, { sps, pps }: Film): string => {
  const video =
    fault === "hevc"
      ? ["m=video 0 RTP/AVP 96", "a=rtpmap:96 H265/90000"]
      : [
          "m=video 0 RTP/AVP 96",
          "a=rtpmap:96 H264/90000",
          `a=fmtp:96 packetization-mode=1;sprop-parameter-sets=${sps.toString("base64")},${pps.toString("base64")}`,
        ];
  const media = fault === "no video" ? ["m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000"] : video;
  return ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=Camera", "c=IN IP4 0.0.0.0", "t=0 0", ...media, "a=control:track1", ""].join("\r\n");
};

export const startFaulty = async ({ fault, credentials, tls }: FaultyHow): Promise<Faulty> => {
  const shown = await film();
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let port = 0;
  const scheme = tls === undefined ? "rtsp" : "rtsps";
  const own = (): string => `${scheme}://127.0.0.1:${port}/stream`;

  const nonces = new Map<string, number>();
  const isProved = ({ method, uri, headers }: Asked): boolean => {
    if (credentials === undefined) return true;
    const said = new Map(
      [...(headers.get("authorization") ?? "").matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)].map(([, name = "", a, b]) => [
        name,
        (a ?? b ?? "").replace(/\\(.)/g, "$1"),
      ]),
    );
    const hash = (...parts: readonly string[]): string =>
      createHash(credentials.algorithm === "SHA-256" ? "sha256" : "md5")
        .update(parts.join(":"))
        .digest("hex");
    const nonce = said.get("nonce") ?? "";
    const left = nonces.get(nonce) ?? 0;
    nonces.set(nonce, left - 1);
    const who = hash(credentials.user, REALM, credentials.password);
    const middle = credentials.qop ? [said.get("nc") ?? "", said.get("cnonce") ?? "", "auth"] : [];
    const isOwn = uri === own() || uri.startsWith(`${own()}/`);
    return left > 0 && isOwn && said.get("uri") === uri && said.get("response") === hash(who, nonce, ...middle, hash(method, uri));
  };
  const challenge = ({ headers }: Asked): string => {
    const nonce = randomBytes(8).toString("hex");
    nonces.set(nonce, 2);
    const isStale = /nonce="([^"]+)"/.test(headers.get("authorization") ?? "") && fault !== "unauthorized";
    return `WWW-Authenticate: Digest realm="${REALM.replace(/"/g, '\\"')}", nonce="${nonce}"${credentials?.algorithm ? `, algorithm=${credentials.algorithm}` : ""}${credentials?.qop ? ', qop="auth"' : ""}${isStale ? ", stale=TRUE" : ""}`;
  };

  const answers = (socket: Socket) => {
    let plays = false;
    const say = (asked: Asked, status: string, headers: readonly string[] = [], body = ""): void => {
      const length = body === "" ? [] : ["Content-Type: application/sdp", `Content-Length: ${Buffer.byteLength(body)}`];
      socket.write(`${[`RTSP/1.0 ${status}`, `CSeq: ${asked.headers.get("cseq")}`, ...headers, ...length].join("\r\n")}\r\n\r\n${body}`);
    };
    const play = async (): Promise<void> => {
      plays = true;
      let count = 0;
      const jump = typeof fault === "object" && "jumpsAfter" in fault ? fault : undefined;
      for await (const { packet, waitMs } of packets(shown, () => (jump !== undefined && count >= jump.jumpsAfter ? jump.seconds : 0))) {
        if (socket.destroyed || !plays) return;
        if (typeof fault === "object" && "hangsAfter" in fault && count >= fault.hangsAfter) return;
        if (typeof fault === "object" && "closesAfter" in fault && count >= fault.closesAfter) return void socket.destroy();
        if (typeof fault === "object" && "redirect" in fault && count === 5)
          socket.write(`REDIRECT ${own()} RTSP/1.0\r\nCSeq: 1\r\nLocation: ${fault.redirect}\r\n\r\n`);
        socket.write(fault === "garbage packets" ? Buffer.concat([packet.subarray(0, 4), randomBytes(packet.length - 4)]) : packet);
        count += 1;
        if (waitMs > 0) await sleep(waitMs);
      }
    };
    return (asked: Asked) => {
      const { method } = asked;
      if (fault === "mute") return;
      if (fault === "garbage") return void socket.write(randomBytes(3000));
      if (typeof fault === "object" && "redirect" in fault && fault.at === method)
        return say(asked, "302 Found", [`Location: ${fault.redirect}`]);
      if (method === "OPTIONS") return say(asked, "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"]);
      if (fault === "unauthorized" || !isProved(asked)) return say(asked, "401 Unauthorized", [challenge(asked)]);
      if (method === "DESCRIBE") return say(asked, "200 OK", [`Content-Base: ${own()}/`], sdp(fault, shown));
      if (fault === "hangs after DESCRIBE") return;
      if (method === "SETUP")
        return say(asked, "200 OK", [
          `Session: ${SESSION}`,
          fault === "not interleaved"
            ? "Transport: RTP/AVP;unicast;client_port=5000-5001;server_port=6000-6001;source=10.1.2.3"
            : "Transport: RTP/AVP/TCP;unicast;interleaved=0-1",
        ]);
      say(asked, "200 OK", [`Session: ${SESSION}`]);
      if (method === "PLAY" && fault !== "hevc" && fault !== "no video") void play();
      if (method === "TEARDOWN") plays = false;
    };
  };

  const met = (socket: Socket): void => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined); // Whoever looks at faults breaks connections.
    const answer = answers(socket);
    let held = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      held += chunk;
      for (let end = held.indexOf("\r\n\r\n"); end >= 0; end = held.indexOf("\r\n\r\n")) {
        const [start = "", ...lines] = held.slice(0, end).split("\r\n");
        held = held.slice(end + 4);
        requests.push(start);
        const [method = "", uri = ""] = start.split(" ");
        const headers = new Map(
          lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
        );
        answer({ method, uri, headers });
      }
    });
  };
  const server = tls === undefined ? createServer(met) : createTlsServer(tls, met);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ({ port } = server.address() as AddressInfo);
  const userinfo = credentials === undefined ? "" : `${encodeURIComponent(credentials.user)}:${encodeURIComponent(credentials.password)}@`;
  return {
    port,
    url: own().replace("//", `//${userinfo}`),
    requests,
    connections: () => connections,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
};
