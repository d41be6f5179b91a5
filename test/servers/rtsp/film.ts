/** Two seconds of H.264 by ffmpeg, over and over, as RTP within an RTSP connection (RFC 6184, RFC 2326 section 10.12). */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const FPS = 10;
const SECONDS = 2;
const CLOCK = 90_000;
const MOST = 1200;

export type Film = {
  readonly sps: Buffer;
  readonly pps: Buffer;
  /** Its pictures, each in the pieces (NAL units) it is made of. */
  readonly pictures: readonly (readonly Buffer[])[];
};

const typeOf = (nal: Buffer): number => (nal[0] as number) & 0x1f;

const nalsIn = (stream: Buffer): readonly Buffer[] => {
  const starts: number[] = [];
  for (let at = stream.indexOf("000001", 0, "hex"); at >= 0; at = stream.indexOf("000001", at + 3, "hex")) starts.push(at + 3);
  return starts.map((start, index) => {
    let end = index + 1 < starts.length ? (starts[index + 1] as number) - 3 : stream.length;
    while (end > start && stream[end - 1] === 0) end -= 1;
    return stream.subarray(start, end);
  });
};

let made: Promise<Film> | undefined;

export const film = (): Promise<Film> => {
  made ??= (async () => {
    const args = [
      "-nostdin -loglevel error -f lavfi -i",
      `testsrc=size=320x180:rate=${FPS}`,
      `-t ${SECONDS} -pix_fmt yuv420p -c:v libx264 -preset ultrafast -threads 1 -bf 0 -g ${FPS} -f h264 pipe:1`,
    ].flatMap((part) => part.split(" "));
    const { stdout } = await promisify(execFile)("ffmpeg", args, { encoding: "buffer", maxBuffer: 1 << 24 });
    const nals = nalsIn(stdout);
    const find = (type: number): Buffer => nals.find((nal) => typeOf(nal) === type) as Buffer;
    // Each picture is one slice or several, the first of which begins with a 1 bit (first_mb_in_slice = 0).
    const pictures: Buffer[][] = [];
    for (const nal of nals.filter((one) => [1, 5].includes(typeOf(one)))) {
      if ((nal[1] as number) & 0x80 || pictures.length === 0) pictures.push([]);
      pictures.at(-1)?.push(nal);
    }
    return { sps: find(7), pps: find(8), pictures };
  })();
  return made;
};

const fragments = (nal: Buffer): readonly Buffer[] => {
  if (nal.length <= MOST) return [nal];
  const [first, out] = [nal[0] as number, [] as Buffer[]];
  for (let at = 1; at < nal.length; at += MOST) {
    const bits = (at === 1 ? 0x80 : 0) | (at + MOST >= nal.length ? 0x40 : 0);
    out.push(Buffer.concat([Buffer.from([(first & 0xe0) | 28, bits | (first & 0x1f)]), nal.subarray(at, at + MOST)]));
  }
  return out;
};

/** Packets as they stand on the connection, on channel 0, and how long to wait after each. `shift`: seconds the clock in them is off. */
export async function* packets({ sps, pps, pictures }: Film, shift: () => number): AsyncGenerator<{ packet: Buffer; waitMs: number }> {
  let sequence = 0;
  for (let number = 0; ; number += 1) {
    const nals = pictures[number % pictures.length] as readonly Buffer[];
    const isKey = nals.some((nal) => typeOf(nal) === 5);
    const payloads = (isKey ? [sps, pps, ...nals] : nals).flatMap(fragments);
    const time = (Math.round((number * CLOCK) / FPS) + shift() * CLOCK + 2 ** 33) % 2 ** 32;
    for (const [index, payload] of payloads.entries()) {
      const isLast = index === payloads.length - 1;
      const head = Buffer.alloc(16);
      head.write("$", 0, "latin1");
      head.writeUInt16BE(12 + payload.length, 2);
      head.writeUInt8(0x80, 4);
      head.writeUInt8((isLast ? 0x80 : 0) | 96, 5);
      head.writeUInt16BE(sequence & 0xffff, 6);
      head.writeUInt32BE(time, 8);
      head.writeUInt32BE(0x0badcafe, 12);
      sequence += 1;
      yield { packet: Buffer.concat([head, payload]), waitMs: isLast ? 1000 / FPS : 0 };
    }
  }
}
