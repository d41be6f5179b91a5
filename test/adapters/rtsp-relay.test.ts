import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { openCameraNetwork } from "../../adapters/camera-network.ts";
import { openRtspRelay, type RelaySettings, type RtspRelay } from "../../adapters/rtsp-relay.ts";
import { limits } from "../../domain/limits.ts";
import { CANARY } from "../support/canary.ts";
import { loopback } from "../support/media.ts";

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
});

/** A camera that is written out in the test: `say` is called with each request, and what it returns is sent. */
const camera = async (say: (request: string, socket: Socket) => string | Buffer) => {
  const requests: string[] = [];
  const server = createServer((socket) => {
    let held = "";
    socket.on("error", () => undefined); // The test ends connections as it likes.
    socket.setEncoding("latin1").on("data", (chunk) => {
      held += chunk;
      for (let end = held.indexOf("\r\n\r\n"); end >= 0; end = held.indexOf("\r\n\r\n")) {
        const request = held.slice(0, end);
        held = held.slice(end + 4);
        requests.push(request);
        socket.write(say(request, socket));
      }
    });
  });
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return { port, requests, url: `rtsp://127.0.0.1:${port}/live?channel=1` };
};
const cseqOf = (request: string): string => /CSeq: (\d+)/.exec(request)?.[1] ?? "";
const ok = (request: string, more = ""): string => `RTSP/1.0 200 OK\r\nCSeq: ${cseqOf(request)}\r\n${more}\r\n`;

const open = (url: string, settings: Partial<RelaySettings> = {}): Promise<RtspRelay> =>
  openRtspRelay(url, { network: loopback, ...settings });
const portOf = ({ url }: RtspRelay): number => Number(new URL(url.replace("rtsp:", "http:")).port);
/** What ffmpeg would be: says these, and keeps what comes. */
const visit = async (relay: RtspRelay, ...requests: readonly string[]) => {
  const socket = connect(portOf(relay), "127.0.0.1");
  let got = "";
  socket.setEncoding("latin1").on("data", (chunk) => {
    got += chunk;
  });
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  for (const request of requests) socket.write(request);
  return { socket, closed, got: () => got };
};
const ask = (method: string, uri: string, cseq: number, more = ""): string => `${method} ${uri} RTSP/1.0\r\nCSeq: ${cseq}\r\n${more}\r\n`;

describe("the relay before a camera", () => {
  it("says to the camera what ffmpeg says, with the camera's own address, and hands on its answers", async () => {
    const { url, port, requests } = await camera((request) => ok(request, "Public: OPTIONS\r\n"));
    const relay = await open(url);
    const visitor = await visit(relay, ask("OPTIONS", relay.url, 7, "User-Agent: x\r\n"), ask("SETUP", `${relay.url}/track1`, 8));
    await expect.poll(() => visitor.got()).toContain("CSeq: 7");
    expect(visitor.got()).toMatch(/^RTSP\/1\.0 200 OK\r\nPublic: OPTIONS\r\nCSeq: 7\r\n\r\n/);
    expect(requests[0]).toBe(`OPTIONS rtsp://127.0.0.1:${port}/live?channel=1 RTSP/1.0\r\nUser-Agent: x\r\nCSeq: 1`);
    expect(requests[1]).toContain(`SETUP rtsp://127.0.0.1:${port}/live?channel=1/track1 RTSP/1.0`);
    relay.close();
    await visitor.closed;
  });

  it("answers for ffmpeg when the camera asks who we are, and says nothing of it", async () => {
    const { url, requests } = await camera((request) =>
      request.includes("Authorization: Basic")
        ? ok(request)
        : `RTSP/1.0 401 Unauthorized\r\nCSeq: ${cseqOf(request)}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n`,
    );
    const relay = await open(url.replace("//", `//operator:${CANARY}@`));
    const visitor = await visit(relay, ask("DESCRIBE", relay.url, 3, "Authorization: Basic bm9ib2R5\r\n"));
    await expect.poll(() => visitor.got()).toBe("RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n");
    const said = requests.map((request) => /Authorization: Basic (.*)/.exec(request)?.[1]);
    expect(said).toEqual([undefined, Buffer.from(`operator:${CANARY}`).toString("base64")]);
    expect(requests.map(cseqOf)).toEqual(["1", "2"]);
    expect(relay.url).not.toContain("operator");
    relay.close();
  });

  it("takes a password that is no UTF-8 a byte a character", async () => {
    const { url, requests } = await camera(
      (request) => `RTSP/1.0 401 No\r\nCSeq: ${cseqOf(request)}\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n`,
    );
    const relay = await open(url.replace("//", "//operator:%FFword@"));
    await visit(relay, ask("DESCRIBE", relay.url, 3));
    expect(await relay.ended).toMatchObject({ reason: "unauthorized" });
    expect(requests[1]).toContain(`Basic ${Buffer.from("operator:ÿword").toString("base64")}`);
  });

  it("asks twice for a challenge that has become stale, not for ever", async () => {
    const { url, requests } = await camera(
      (request) =>
        `RTSP/1.0 401 No\r\nCSeq: ${cseqOf(request)}\r\nWWW-Authenticate: Digest realm="x", nonce="${requests.length}", stale=true\r\n\r\n`,
    );
    const relay = await open(url.replace("//", "//operator:word@"));
    await visit(relay, ask("DESCRIBE", relay.url, 3));
    expect(await relay.ended).toMatchObject({ reason: "unauthorized" });
    expect(requests).toHaveLength(3);
  });

  it.each([301, 302, 305, 399])("follows no redirect: %i", async (status) => {
    const { url } = await camera((request) => `RTSP/1.0 ${status} X\r\nCSeq: ${cseqOf(request)}\r\nLocation: rtsp://127.0.0.1:9/\r\n\r\n`);
    const relay = await open(url);
    const visitor = await visit(relay, ask("DESCRIBE", relay.url, 1));
    expect(await relay.ended).toMatchObject({ reason: "redirected" });
    await visitor.closed;
    expect(visitor.got()).toBe("");
  });

  it.each([
    ["DESCRIBE", 403, "unauthorized"],
    ["DESCRIBE", 404, "not-found"],
    ["SETUP", 453, "busy"],
    ["DESCRIBE", 503, "busy"],
    ["SETUP", 461, "not-interleaved"],
    ["PLAY", 455, "unknown"],
  ])("hands on a refusal of %s by %i, and says what it means: %s", async (method, status, reason) => {
    const { url } = await camera((request) => `RTSP/1.0 ${status} X\r\nCSeq: ${cseqOf(request)}\r\n\r\n`);
    const relay = await open(url);
    const visitor = await visit(relay, ask(method, relay.url, 6));
    expect(await relay.ended).toMatchObject({ reason });
    await visitor.closed;
    expect(visitor.got()).toBe(`RTSP/1.0 ${status} X\r\nCSeq: 6\r\n\r\n`);
  });

  it("lets through no request of the camera", async () => {
    const { url, requests } = await camera((request) =>
      request.startsWith("RTSP") ? "" : `ANNOUNCE rtsp://x RTSP/1.0\r\nCSeq: 5\r\n\r\n${ok(request)}`,
    );
    const relay = await open(url);
    const visitor = await visit(relay, ask("OPTIONS", relay.url, 2));
    await expect.poll(() => visitor.got()).toBe("RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n");
    await expect.poll(() => requests[1]).toBe("RTSP/1.0 501 Not Implemented\r\nCSeq: 5");
    relay.close();
    const elsewhere = await camera(() => "REDIRECT rtsp://x RTSP/1.0\r\nCSeq: 5\r\nLocation: rtsp://10.0.0.1/\r\n\r\n");
    const other = await open(elsewhere.url);
    await visit(other, ask("OPTIONS", other.url, 2));
    expect(await other.ended).toMatchObject({ reason: "redirected" });
  });

  it("hands on packets as they are, however they are cut, with texts between them", async () => {
    const packet = (length: number, fill: number): Buffer =>
      Buffer.concat([Buffer.from([0x24, 0, length >> 8, length & 255]), Buffer.alloc(length, fill)]);
    const stream = Buffer.concat([packet(5, 1), packet(60_000, 2), packet(0, 0), packet(3, 0x24)]);
    const { url } = await camera((request, socket) => {
      const all = Buffer.concat([Buffer.from(ok(request)), stream, Buffer.from(ok("CSeq: 2")), packet(1, 9)]);
      void (async () => {
        for (let at = 0; at < all.length; ) {
          const take = at < 200 ? 1 : 7001;
          socket.write(all.subarray(at, at + take));
          at += take;
          if (at < 200) await sleep(1);
        }
      })();
      return "";
    });
    const relay = await open(url);
    const visitor = await visit(relay, ask("PLAY", relay.url, 4));
    const expected = `RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n${stream.toString("latin1")}${packet(1, 9).toString("latin1")}`;
    // The answer nobody asked for is left out.
    await expect.poll(() => visitor.got().length, { timeout: 10_000 }).toBe(expected.length);
    expect(visitor.got()).toBe(expected);
    relay.close();
    expect((await relay.ended).mediaBytes).toBe(stream.length + 5);
  });

  it.each([
    ["no RTSP", "HTTP/1.1 200 OK\r\n\r\n".repeat(2).replace(/^HTTP/, "<!doctype html>")],
    ["bytes", Buffer.alloc(4000, 0xff)],
    ["a head without end", `RTSP/1.0 200 OK\r\n${"x: y\r\n".repeat(limits.rtspHeadBytes / 4)}`],
    ["a body without end", `RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: ${limits.rtspBodyBytes + 1}\r\n\r\n`],
    ["a length that is none", "RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n"],
    ["no header", "RTSP/1.0 200 OK\r\nno header\r\n\r\n"],
    ["neither answer nor request", "HELLO\r\n\r\n"],
  ])("ends with a camera that sends garbage: %s", async (_, text) => {
    const { url } = await camera(() => text);
    const relay = await open(url);
    await visit(relay, ask("OPTIONS", relay.url, 1));
    expect(await relay.ended).toMatchObject({ reason: "garbage" });
  });

  it("holds a fast camera back while ffmpeg is slow", async () => {
    let socketBytes = 0;
    const { url } = await camera((request, socket) => {
      const packet = Buffer.concat([Buffer.from([0x24, 0, 0xff, 0xff]), Buffer.alloc(0xffff)]);
      const pump = (): void => {
        while (socketBytes < 200_000_000 && socket.write(packet)) socketBytes += packet.length;
      };
      socket.on("drain", pump);
      setImmediate(pump);
      return ok(request);
    });
    const relay = await open(url);
    const visitor = await visit(relay, ask("PLAY", relay.url, 1));
    visitor.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    await sleep(500);
    const held = socketBytes;
    await sleep(500);
    expect(socketBytes).toBe(held);
    expect(held).toBeLessThan(50_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
    relay.close();
  });

  it("is for one visitor, who knows the word", async () => {
    const { url, requests } = await camera((request) => ok(request));
    const relay = await open(url);
    const wrong = [`rtsp://127.0.0.1:${portOf(relay)}/`, `${relay.url}x`, url, "*", relay.url.slice(0, -1)];
    for (const uri of wrong) {
      const visitor = await visit(relay, ask("OPTIONS", uri, 1));
      await visitor.closed;
      expect(visitor.got()).toBe("");
    }
    const noRtsp = await visit(relay, "GET / HTTP/1.1\r\n\r\n");
    await noRtsp.closed;
    expect(requests).toEqual([]);
    const silent = await visit(relay);
    const right = await visit(relay, ask("OPTIONS", relay.url, 1));
    await expect.poll(() => right.got()).toContain("200 OK");
    // Whoever was there is sent away, and nobody comes in any more.
    await silent.closed;
    const late = connect(portOf(relay), "127.0.0.1");
    const [error] = await once(late, "error");
    expect(error.code).toBe("ECONNREFUSED");
    right.socket.destroy();
    expect(await relay.ended).toMatchObject({ reason: "closed" });
  });

  it("judges the address when it connects, and connects nowhere else", async () => {
    const { url, requests } = await camera((request) => ok(request));
    const outside = openCameraNetwork({ allow: ["10.0.0.0/8"], ownPorts: () => [] });
    const relay = await open(url, { network: outside });
    await visit(relay, ask("OPTIONS", relay.url, 1));
    expect(await relay.ended).toMatchObject({ reason: "not-allowed" });
    expect(requests).toEqual([]);
    const none = await open("rtsp://a b", {});
    await visit(none, ask("OPTIONS", none.url, 1));
    expect(await none.ended).toMatchObject({ reason: "not-allowed" });
  });

  it("connects to the address that was judged, whatever the name means by then", async () => {
    const { port, requests } = await camera((request) => ok(request));
    let lookups = 0;
    const network = openCameraNetwork({
      allow: ["127.0.0.1", "10.0.0.0/8"],
      ownPorts: () => [],
      lookup: async () => {
        lookups += 1;
        return ["127.0.0.1"];
      },
    });
    const relay = await open(`rtsp://camera.test:${port}/live`, { network });
    const visitor = await visit(relay, ask("OPTIONS", relay.url, 1));
    await expect.poll(() => visitor.got()).toContain("200 OK");
    expect([lookups, requests[0]?.split("\r\n")[0]]).toEqual([1, `OPTIONS rtsp://camera.test:${port}/live RTSP/1.0`]);
    relay.close();
  });

  it("says that nothing listens, or that the camera went away", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    const relay = await open(`rtsp://127.0.0.1:${port}/`);
    await visit(relay, ask("OPTIONS", relay.url, 1));
    expect(await relay.ended).toMatchObject({ reason: "unreachable" });
    const { url } = await camera((_, socket) => {
      socket.end();
      return "";
    });
    const other = await open(url);
    await visit(other, ask("OPTIONS", other.url, 1));
    expect(await other.ended).toMatchObject({ reason: "ended" });
  });

  it("ends with a camera that leaves requests without an answer", async () => {
    const { url } = await camera(() => "");
    const relay = await open(url);
    const requests = Array.from({ length: limits.rtspOpenRequests + 1 }, (_, at) => ask("OPTIONS", relay.url, at));
    await visit(relay, ...requests);
    expect(await relay.ended).toMatchObject({ reason: "timeout" });
  });

  it("ends when nobody comes, and when it is closed", async () => {
    const { url } = await camera((request) => ok(request));
    const [lonely, closed] = [await open(url), await open(url)];
    closed.close();
    expect(await closed.ended).toMatchObject({ reason: "closed", message: "It was closed here." });
    expect(await lonely.ended).toMatchObject({ reason: "closed", message: "Nobody came." });
  }, 20_000);
});
