/**
 * Facts in a block, by columns. Frames are nearly all there is, so they are laid out as numbers beside a table of texts:
 *
 *      counts u32 x4 | receivedAt, timestamp f64 | boxes f64 x4, confidence f64 | frame columns u32 | object columns u32 | info u32 | JSON
 *
 * The JSON holds the tables (cameras, texts) and the few facts that are no frames, each with its index in the block. It is JSON
 * and not a binary form because texts from outside may hold lone surrogates, which UTF-8 cannot carry but JSON's escapes can.
 * Boxes are doubles as they came: a rounded box could change an alert.
 */
import { endianness } from "node:os";
import type { DetectedObject, Fact, Frame, Info } from "../domain/event.ts";
import { Damaged, HEADER } from "./seal.ts";

if (endianness() !== "LE") throw new Error("Blocks are written in little-endian order; this machine is big-endian.");

const NONE = 0xffff_ffff;
const COUNTS = 16;
const FRAME_F64 = 2;
const OBJECT_F64 = 5;
const FRAME_U32 = 4;
const OBJECT_U32 = 2;

type Tables = {
  readonly cameras: readonly (readonly [tenant: string, camera: string])[];
  readonly texts: readonly string[];
  readonly others: readonly (readonly [index: number, fact: Exclude<Fact, Frame>])[];
};

class Texts {
  readonly all: string[] = [];
  readonly #numbers = new Map<string, number>();
  numberOf(text: string): number {
    let n = this.#numbers.get(text);
    if (n === undefined) {
      n = this.all.push(text) - 1;
      this.#numbers.set(text, n);
    }
    return n;
  }
}

class Cameras {
  readonly all: [string, string][] = [];
  readonly #numbers = new Map<string, Map<string, number>>();
  numberOf(tenant: string, camera: string): number {
    let ofTenant = this.#numbers.get(tenant);
    if (ofTenant === undefined) {
      ofTenant = new Map();
      this.#numbers.set(tenant, ofTenant);
    }
    let n = ofTenant.get(camera);
    if (n === undefined) {
      n = this.all.push([tenant, camera]) - 1;
      ofTenant.set(camera, n);
    }
    return n;
  }
}

/** Columns are gathered here and copied out: every word of a block is written anew, and a fresh buffer a block costs more than packing. */
const SCRATCH = 1024 * 1024;
const scratch = new ArrayBuffer(SCRATCH);
const scratchOf = (size: number): ArrayBuffer => (size <= SCRATCH ? scratch : new ArrayBuffer(size));

/** The record with room for its header in front; `seal` fills that in. */
export const packFacts = (facts: readonly Fact[]): Buffer => {
  const frames: Frame[] = [];
  const others: [number, Exclude<Fact, Frame>][] = [];
  let objects = 0;
  for (let i = 0; i < facts.length; i++) {
    const fact = facts[i] as Fact;
    if (fact.kind === "frame") {
      frames.push(fact);
      objects += fact.objects.length;
    } else others.push([i, fact]);
  }
  const n = frames.length;
  const doubles = FRAME_F64 * n + OBJECT_F64 * objects;
  const words = FRAME_U32 * n + OBJECT_U32 * objects;
  const size = COUNTS + 8 * doubles + 4 * words;
  const numbers = scratchOf(size);
  const f64 = new Float64Array(numbers, COUNTS, doubles);
  const u32 = new Uint32Array(numbers, COUNTS + 8 * doubles, words);
  const texts = new Texts();
  const cameras = new Cameras();
  const info: number[] = [];
  const boxes = FRAME_F64 * n;
  const confidences = boxes + 4 * objects;
  const ids = FRAME_U32 * n;
  const types = ids + objects;
  let type = "";
  let typeNumber = NONE;
  let o = 0;
  for (let i = 0; i < n; i++) {
    const frame = frames[i] as Frame;
    f64[i] = frame.receivedAt;
    f64[n + i] = frame.timestamp;
    u32[i] = cameras.numberOf(frame.tenant, frame.camera);
    u32[n + i] = texts.numberOf(frame.id);
    u32[2 * n + i] = frame.modelVersion === undefined ? NONE : texts.numberOf(frame.modelVersion);
    u32[3 * n + i] = frame.objects.length;
    for (let k = 0; k < frame.objects.length; k++, o++) {
      const object = frame.objects[k] as DetectedObject;
      const box = object.bbox;
      const b = boxes + 4 * o;
      f64[b] = box.leftX;
      f64[b + 1] = box.topY;
      f64[b + 2] = box.rightX;
      f64[b + 3] = box.bottomY;
      f64[confidences + o] = object.confidence ?? Number.NaN;
      u32[ids + o] = texts.numberOf(object.id);
      if (typeNumber === NONE || object.type !== type) {
        type = object.type;
        typeNumber = texts.numberOf(type);
      }
      u32[types + o] = typeNumber;
      if (object.info !== undefined) {
        info.push(o, object.info.length);
        for (const [name, value] of object.info) info.push(texts.numberOf(name), texts.numberOf(value));
      }
    }
  }
  const tables: Tables = { cameras: cameras.all, texts: texts.all, others };
  const json = JSON.stringify(tables);
  const jsonLength = Buffer.byteLength(json);
  new Uint32Array(numbers, 0, 4).set([n, objects, info.length, jsonLength]);
  const record = Buffer.allocUnsafeSlow(HEADER + size + 4 * info.length + jsonLength);
  record.set(new Uint8Array(numbers, 0, size), HEADER);
  record.set(new Uint8Array(Uint32Array.from(info).buffer), HEADER + size);
  record.write(json, record.length - jsonLength, "utf8");
  return record;
};

const infoOf = (words: Uint32Array, texts: readonly string[]): Map<number, Info> => {
  const all = new Map<number, Info>();
  for (let i = 0; i < words.length; ) {
    const object = words[i++] as number;
    const pairs: [string, string][] = [];
    for (let n = words[i++] as number; n > 0; n--)
      pairs.push([texts[words[i++] as number] as string, texts[words[i++] as number] as string]);
    all.set(object, pairs);
  }
  return all;
};

const tablesOf = (payload: Buffer, jsonLength: number): Tables =>
  JSON.parse(payload.toString("utf8", payload.length - jsonLength)) as Tables;

/** The cameras that have facts in a block, without unpacking the frames. */
export const camerasIn = (payload: Buffer): readonly (readonly [tenant: string, camera: string])[] => {
  const tables = tablesOf(payload, payload.readUInt32LE(12));
  return [...tables.cameras, ...tables.others.map(([, fact]) => [fact.tenant, fact.camera] as const)];
};

/** Throws Damaged when the counts do not fit the bytes. */
export const unpackFacts = (payload: Buffer): Fact[] => {
  // Copied so that the columns are aligned, whatever the offset at which the store handed the bytes out.
  const bytes = payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.byteLength);
  const [n, objects, infoWords, jsonLength] = new Uint32Array(bytes, 0, 4) as unknown as [number, number, number, number];
  const doubles = FRAME_F64 * n + OBJECT_F64 * objects;
  const words = FRAME_U32 * n + OBJECT_U32 * objects;
  if (COUNTS + 8 * doubles + 4 * (words + infoWords) + jsonLength !== payload.length) throw new Damaged("its counts do not fit its length");
  const f64 = new Float64Array(bytes, COUNTS, doubles);
  const u32 = new Uint32Array(bytes, COUNTS + 8 * doubles, words);
  const { cameras, texts, others } = tablesOf(payload, jsonLength);
  const info = infoWords === 0 ? undefined : infoOf(new Uint32Array(bytes, COUNTS + 8 * doubles + 4 * words, infoWords), texts);
  const boxes = FRAME_F64 * n;
  const confidences = boxes + 4 * objects;
  const ids = FRAME_U32 * n;
  const types = ids + objects;
  const facts: Fact[] = [];
  let other = 0;
  let o = 0;
  for (let i = 0; i < n; i++) {
    while (other < others.length && others[other]?.[0] === facts.length) facts.push((others[other++] as Tables["others"][number])[1]);
    const count = u32[3 * n + i] as number;
    const seen: DetectedObject[] = new Array(count);
    for (let k = 0; k < count; k++, o++) {
      const b = boxes + 4 * o;
      const confidence = f64[confidences + o] as number;
      seen[k] = {
        id: texts[u32[ids + o] as number] as string,
        type: texts[u32[types + o] as number] as string,
        bbox: { leftX: f64[b] as number, topY: f64[b + 1] as number, rightX: f64[b + 2] as number, bottomY: f64[b + 3] as number },
        // biome-ignore lint/suspicious/noSelfCompare: NaN stands for none, and this is the cheapest test for it.
        confidence: confidence === confidence ? confidence : undefined,
        info: info?.get(o),
      };
    }
    const [tenant, camera] = cameras[u32[i] as number] as readonly [string, string];
    const model = u32[2 * n + i] as number;
    facts.push({
      kind: "frame",
      tenant,
      camera,
      receivedAt: f64[i] as number,
      timestamp: f64[n + i] as number,
      id: texts[u32[n + i] as number] as string,
      modelVersion: model === NONE ? undefined : texts[model],
      objects: seen,
    });
  }
  while (other < others.length) facts.push((others[other++] as Tables["others"][number])[1]);
  return facts;
};
