/** What a client may send that no document foresees: in an address, in a head, in a body. */
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { limits } from "../../domain/limits.ts";

/** As in an address: half characters too, which `encodeURIComponent` refuses. */
export const percent = (text: string): string =>
  [...text].map((character) => (character.isWellFormed() ? encodeURIComponent(character) : "%ED%A0%80")).join("");

const NASTY = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "\udfff\ud800",
  "\u202e\u200b\ufeff",
  "ﷺ",
  "\r\nx-injected: 1",
  "' OR '1'='1",
  "'; DROP TABLE alerts; --",
  "{tenant:String}",
  "\\",
  "`",
  "%",
  "%25",
  "../../../etc/passwd",
  "__proto__",
  "constructor",
  "toString",
  "null",
  "undefined",
  "NaN",
  "Infinity",
  "-0",
  "-1",
  "0",
  "1e308",
  "1e999",
  "9007199254740993",
  "99999999999999999999",
  "0x10",
  "1.5",
  "true",
  "[]",
  "{}",
  "*",
  ",",
  ",,,*",
  "0000-00-00T00:00:00Z",
  "2026-02-30T00:00:00Z",
  "+275760-09-13T00:00:00.001Z",
  "9999-12-31T23:59:60Z",
  "1677-01-01T00:00:00Z",
  "2300-01-01T00:00:00Z",
  "2026-01-05T08:00:00",
  "2026-01-05T08:00:00+23:59",
  "Europe/Berlin",
  "Europe/Nowhere",
  "rtsp://10.1.2.3/ok",
  "rtsp://127.0.0.1/",
  "rtsp://user:pass@[::1]:554/",
  "rtsp://169.254.169.254/",
  "http://10.1.2.3/",
  "rtsp://10.1.2.3:99999/",
] as const;

/** At each bound of a text, and one beyond. */
const LENGTHS = [limits.idLength, limits.idLength + 1, limits.textLength, limits.textLength + 1];
const longTexts = fc
  .tuple(fc.constantFrom(...LENGTHS), fc.constantFrom("a", "é", "🙂", "%"))
  .map(([length, unit]) => unit.repeat(length).slice(0, length));

export const oddTexts: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...NASTY), weight: 5 },
  { arbitrary: fc.string({ unit: "binary", maxLength: 12 }), weight: 2 },
  { arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }), weight: 2 },
  { arbitrary: longTexts, weight: 1 },
);

/** Pieces of a query that are no `name=value`, or no UTF-8. */
export const oddPieces: fc.Arbitrary<string> = fc.constantFrom(
  "%",
  "%zz=1",
  "=%ff",
  "%00=%00",
  "%ED%A0%80=%ED%A0%80",
  "%u1234",
  "=",
  "&&",
  "a=b=c",
  "[]=1",
  "a[b]=c",
  "#",
);
export const oddEncoded: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom("%", "%f", "%zz", "%ff", "%c3%28", "%ED%A0%80", "%00", "%2e%2e%2f", "%2F", "+", "%u0041", "\u00ff"),
  oddTexts.map(percent),
);

/** Values of JSON that are of the wrong type, or too large, or not what they seem. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: oddTexts, weight: 3 },
  {
    arbitrary: fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      -0,
      -1,
      0.5,
      1e308,
      -1e308,
      5e-324,
      2 ** 53,
      2 ** 53 + 2,
      1e21,
      [],
      {},
      [[]],
      [null],
      [{}],
    ),
    weight: 3,
  },
  { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 1 },
);

const bytes = (...parts: readonly (string | Uint8Array)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const nested = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

export type OddBody = { readonly body: Buffer; readonly headers?: Readonly<Record<string, string>> };
/** More than a body may have unpacked, in a few thousand bytes. */
const bomb = gzipSync(Buffer.alloc(limits.bodyBytes + 1, " "));

const fixed: readonly OddBody[] = [
  "",
  "null",
  "0",
  '"text"',
  "[]",
  "{}",
  "[null]",
  "{",
  '{"a":',
  "[1e999]",
  '{"sensorId":1e999}',
  '{"a":1,"a":2}',
  '{"__proto__":{"sensorId":"a"}}',
  '{"constructor":{"prototype":1}}',
  '"\\ud800"',
  '{"id":"\\u0000"}',
  '{"sensorId":"\\udc00x"}',
  nested("[", "]", 100_000),
  nested('{"a":', "}", 50_000).replace(":}", ":1}"),
  `[${"0,".repeat(50_000)}0]`,
  " ".repeat(limits.configBytes + 1),
]
  .map((text): OddBody => ({ body: bytes(text) }))
  .concat([
    { body: bytes(Buffer.of(0xef, 0xbb, 0xbf), "{}") },
    { body: Buffer.from("{}", "utf16le") },
    { body: bytes('{"sensorId":"', Buffer.of(0xff, 0xfe, 0xc3, 0x28), '"}') },
    { body: Buffer.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f) },
    { body: bomb, headers: { "content-encoding": "gzip" } },
    { body: gzipSync("{}"), headers: { "content-encoding": "gzip" } },
    { body: gzipSync("[]").subarray(0, 12), headers: { "content-encoding": "gzip" } },
    { body: bytes("{}"), headers: { "content-encoding": "gzip" } },
    { body: bytes("{}"), headers: { "content-encoding": "br" } },
    { body: bytes("{}"), headers: { "content-encoding": "gzip, gzip" } },
    { body: bytes("{}"), headers: { "content-encoding": "identity" } },
    { body: bytes('{"a"'), headers: { expect: "100-continue" } },
  ]);

const TYPES = [
  "application/json",
  "application/x-ndjson",
  "application/x-protobuf",
  "text/plain",
  "application/json; charset=utf-16",
  "multipart/form-data",
  "",
  "a/b/c",
  "application/JSON ; x=y",
];
export const oddTypes: fc.Arbitrary<string> = fc.constantFrom(...TYPES);
export const oddBodies: fc.Arbitrary<OddBody> = fc.oneof(
  { arbitrary: fc.constantFrom(...fixed), weight: 4 },
  { arbitrary: fc.uint8Array({ maxLength: 64 }).map((some) => ({ body: Buffer.from(some) })), weight: 1 },
  { arbitrary: fc.json({ maxDepth: 4 }).map((text) => ({ body: Buffer.from(text) })), weight: 1 },
);

/** Of a head. Node sends no other characters than these. */
const headTexts = fc.oneof(
  fc.constantFrom(
    "",
    " ",
    ",",
    "*/*",
    "text/csv",
    "text/csv;q=0",
    "application/json, text/csv;q=1.1",
    "bytes=0-1",
    "Bearer",
    "Basic Og==",
    "gzip;q=2",
    "999999999999",
  ),
  fc.string({ unit: fc.constantFrom(..." !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~azAZ09\u00e9\u00ff"), maxLength: 30 }),
);
export const oddHeaders: fc.Arbitrary<Readonly<Record<string, string>>> = fc.dictionary(
  fc.constantFrom(
    "accept",
    "accept-encoding",
    "user-type",
    "range",
    "if-none-match",
    "x-forwarded-for",
    "x-http-method-override",
    "origin",
    "referer",
    "cookie",
    "authorization",
    "x-long",
  ),
  fc.oneof({ arbitrary: headTexts, weight: 20 }, { arbitrary: fc.constantFrom("x".repeat(8193), "x".repeat(limits.headBytes)), weight: 1 }),
  { minKeys: 1, maxKeys: 2 },
);
