/** Upgrades by hand, and frames that no WebSocket client would send. */
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import fc from "fast-check";
import type { Answer, Call, Guarded } from "./guarded-server.ts";
import { oddJson, oddTexts } from "./hostile-values.ts";

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9 } as const;

/** One frame of a client: final, masked with zeros. */
const frameOf = (opcode: number, payload: Uint8Array): Buffer => {
  const { length } = payload;
  const size =
    length < 126
      ? Buffer.of(0x80 | length)
      : Buffer.of(0x80 | 127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 255, (length >>> 8) & 255, length & 255);
  return Buffer.concat([Buffer.of(0x80 | opcode), size, Buffer.alloc(4), payload]);
};
const text = (value: string): Buffer => frameOf(OPCODE.text, Buffer.from(value));

const everything = JSON.stringify([{ sensorId: "*", fov: { alertRuleTypes: ["*"] } }]);
export const oddFrames: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(
    text(everything),
    text("[]"),
    text("["),
    text("[".repeat(60_000)),
    text(" ".repeat(70_000)),
    frameOf(OPCODE.text, Buffer.of(0xff, 0xfe)),
    frameOf(OPCODE.binary, Buffer.from("[]")),
    frameOf(OPCODE.ping, Buffer.alloc(125)),
    frameOf(OPCODE.ping, Buffer.alloc(200)),
    frameOf(OPCODE.close, Buffer.of(3)),
    frameOf(OPCODE.close, Buffer.of(0, 0)),
    // Not masked; a length beyond all; a continuation of nothing; an opcode that is none.
    Buffer.of(0x81, 2, 0x5b, 0x5d),
    Buffer.of(0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
    frameOf(0, Buffer.from("[]")),
    frameOf(3, Buffer.from("[]")),
  ),
  oddTexts.map(text),
  oddJson.map((value) => text(JSON.stringify(value) ?? "")),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);

/** What a server's close may say (RFC 6455, and ours: docs of the surface). */
const CODES: ReadonlySet<number> = new Set([1000, 1001, 1002, 1003, 1006, 1007, 1009, 4008, 4400, 4401, 4408]);

const faultInFrames = (bytes: Buffer): string | undefined => {
  for (let at = 0; at + 2 <= bytes.length; ) {
    const opcode = (bytes[at] ?? 0) & 15;
    const short = (bytes[at + 1] ?? 0) & 127;
    const [head, length] =
      short < 126 ? [2, short] : short === 126 ? [4, bytes.readUInt16BE(at + 2)] : [10, Number(bytes.readBigUInt64BE(at + 2))];
    const payload = bytes.subarray(at + head, at + head + length);
    if (payload.length < length) return undefined;
    at += head + length;
    if (opcode === OPCODE.text) {
      try {
        JSON.parse(payload.toString());
      } catch {
        return `says what is no JSON: ${payload}`;
      }
    }
    if (opcode === OPCODE.close && length > 0 && !CODES.has(payload.readUInt16BE(0)))
      return `closes with ${payload.readUInt16BE(0)} ${payload.subarray(2)}`;
  }
  return undefined;
};

/** So long after the frame is what the server says of it waited for. */
const LISTENING_MS = 20;

/** The answer to what was refused, or 101; `fault`: what was wrong with what came after. */
export type Upgraded = { readonly answer: Answer; readonly fault: string | undefined };

/** Asks for an upgrade and, where it is given one, sends the frame. */
export const upgrade = ({ url }: Guarded, { target, headers }: Call, frame: Buffer): Promise<Upgraded> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asked = request({
      hostname,
      port,
      path: target,
      headers: {
        ...headers,
        connection: "upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": randomBytes(16).toString("base64"),
        "sec-websocket-protocol": "tallywire.v1",
      },
    });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("error", reject);
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const told = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
        resolve({
          answer: { status: answer.statusCode ?? 0, headers: Object.fromEntries(told), body: Buffer.concat(chunks) },
          fault: undefined,
        });
      });
    });
    asked.on("upgrade", (_, socket, head) => {
      const chunks: Buffer[] = [head];
      const done = (): void => {
        clearTimeout(late);
        socket.destroy();
        resolve({ answer: { status: 101, headers: {}, body: Buffer.alloc(0) }, fault: faultInFrames(Buffer.concat(chunks)) });
      };
      const late = setTimeout(done, LISTENING_MS);
      socket.on("data", (chunk: Buffer) => chunks.push(chunk));
      // What breaks off a connection is seen in what it said before.
      socket.on("error", done);
      socket.on("close", done);
      socket.write(frame);
    });
    asked.end();
  });
