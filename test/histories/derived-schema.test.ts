/** What the derived topic holds is what docs/derived.schema.json says, and the other way round. */
import { readFile } from "node:fs/promises";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { derivedSchema } from "../../adapters/codec.ts";
import type { Derived } from "../../domain/event.ts";
import { corrected, crossing, presence, recomputed } from "../conformance/events.ts";
import { read } from "../house/sources.ts";
import { stepped, thorough } from "../laws/laws.ts";
import { factsOf, worlds } from "../support/world.ts";
import { derivedFile, histories } from "./history.ts";

type Schema = { [keyword: string]: unknown };
type Shape = { required: readonly string[]; readonly properties: Record<string, Schema> };
const text = read("docs/derived.schema.json");
const schema = (): Schema & { $id: string; $defs: Record<string, Schema & Shape> } => JSON.parse(text);
const compile = (one: Schema) => new Ajv2020({ strict: true, strictRequired: false, allErrors: true }).compile(one);

/** What is wrong with an event as a record of the topic holds it. */
const judge = (one: Schema = schema()) => {
  const validate = compile(one);
  return (event: unknown): string => {
    if (validate(event)) return "";
    return JSON.stringify({ event, errors: validate.errors });
  };
};

/** Fields that the validator meets in no event, each event held against its own kind alone. */
const silentIn = (whole: ReturnType<typeof schema>, events: readonly unknown[]): readonly string[] => {
  const unmet = new Set<string>();
  const kinds = new Map<unknown, string>();
  for (const [name, { properties = {} }] of Object.entries(whole.$defs)) {
    if (properties.kind !== undefined) kinds.set(properties.kind.const, name);
    for (const [field, of] of Object.entries(properties)) {
      of.met = `${name}.${field}`;
      unmet.add(`${name}.${field}`);
    }
  }
  const ajv = new Ajv2020({ strict: true, strictRequired: false, allErrors: true });
  ajv.addKeyword({ keyword: "met", schemaType: "string", validate: (field: string) => unmet.delete(field) || true });
  ajv.addSchema(whole);
  const judges = new Map([...kinds].map(([kind, name]) => [kind, ajv.compile({ $ref: `${whole.$id}#/$defs/${name}` })]));
  for (const event of events) judges.get((event as Derived).kind)?.(event);
  return [...unmet];
};
const asRecord = (event: Derived): unknown => JSON.parse(JSON.stringify(event));

/** A type of domain/event.ts by its name: its fields, and whether they may be left out. */
const fieldsOf = (name: string, source = read("domain/event.ts")): Map<string, { readonly optional: boolean; readonly type: string }> => {
  const [whole, intersected = ""] = new RegExp(`export type ${name} = ((?:\\w+ & )*)\\{`).exec(source) ?? [];
  if (whole === undefined) throw new Error(`domain/event.ts has no type ${name}`);
  const from = source.indexOf(whole) + whole.length;
  let end = from;
  for (let depth = 1; depth > 0; end++) depth += source[end] === "{" ? 1 : source[end] === "}" ? -1 : 0;
  const code = source.slice(from, end - 1).replace(/\/\*[\s\S]*?\*\//g, "");
  // Braces of a field's own type are no fields of this one.
  const flat = code.replace(/\{[^{}]*\}/g, "object");
  const own = [...flat.matchAll(/readonly (\w+)\??: ([^;]+?)(?:;|\s*$)/g)].map(
    ([, field, type]) => [field as string, { optional: /\bundefined\b/.test(type as string), type: type as string }] as const,
  );
  const envelope = intersected.includes("Envelope") ? (["tenant", "camera", "receivedAt"] as const) : [];
  return new Map([...envelope.map((field) => [field, { optional: false, type: "" }] as const), ...own]);
};

/** Every event of the recorded histories and of simulated worlds, and those that they lack: of a recomputation among them. */
let corpus: readonly unknown[];
beforeAll(async () => {
  const recorded: unknown[] = [];
  for (const name of await histories())
    for (const line of (await readFile(derivedFile(name), "utf8")).split("\n")) if (line !== "") recorded.push(JSON.parse(line));
  const { numRuns, seed } = thorough();
  const simulated = fc.sample(worlds, { numRuns, seed }).flatMap((world) => stepped(factsOf(world)).map(asRecord));
  const lacked = [presence("cam-1"), corrected(presence("cam-1"), true), corrected(crossing("cam-1"), false)];
  corpus = [...recorded, ...simulated, ...[...lacked, recomputed("cam-1"), recomputed("cam-1", "no facts")].map(asRecord)];
});

describe("the schema of the derived topic", () => {
  it("holds for every event of the recorded histories and of simulated worlds", () => {
    const wrong = judge();
    expect(corpus.length).toBeGreaterThan(2000);
    expect(new Set(corpus.map((event) => (event as Derived).kind))).toEqual(
      new Set(["alert", "crossing", "presence", "coverage", "recomputed"]),
    );
    expect(
      corpus
        .map(wrong)
        .filter((fault) => fault !== "")
        .slice(0, 3),
    ).toEqual([]);
  });

  it("has no field that no event has: without any one of them some event is refused", () => {
    for (const [name, { properties, additionalProperties }] of Object.entries(schema().$defs))
      if (properties !== undefined) expect([name, additionalProperties]).toEqual([name, false]);
    expect(silentIn(schema(), corpus)).toEqual([]);
    const grown = schema();
    for (const name of ["Alert", "Box"]) (grown.$defs[name] as Shape & Schema).properties.mood = { type: "string" };
    expect(silentIn(grown, corpus)).toEqual(["Alert.mood", "Box.mood"]);
  });

  it.each(["Alert", "Crossing", "Presence", "Coverage", "Recomputed", "Corrected", "Correction", "PlaceRef", "Box", "FrameRef"])(
    "has the fields of %s, and the same may be left out",
    (name) => {
      const { properties, required, additionalProperties } = schema().$defs[name] as Shape & Schema;
      const fields = fieldsOf(name);
      expect(Object.keys(properties).sort()).toEqual([...fields.keys()].sort());
      expect([...required].sort()).toEqual([...fields].flatMap(([field, { optional }]) => (optional ? [] : [field])).sort());
      expect(additionalProperties).toBe(false);
    },
  );

  it("has the fields of an object as it is sighted", () => {
    const { properties, required } = schema().$defs.Sighting as Shape;
    const fields = fieldsOf("DetectedObject");
    expect(Object.keys(properties).sort()).toEqual([...fields.keys()].sort());
    expect([...required].sort()).toEqual([...fields].flatMap(([field, { optional }]) => (optional ? [] : [field])).sort());
  });

  it("notices a field that is new in domain/event.ts", () => {
    const grown = read("domain/event.ts").replace('readonly kind: "alert";', 'readonly kind: "alert";\n  readonly mood: string;');
    expect([...fieldsOf("Alert", grown).keys()]).toContain("mood");
    expect(judge()({ ...(corpus.find((event) => (event as Derived).kind === "alert") as object), mood: "blue" })).toContain(
      "additionalProperties",
    );
  });

  it("knows the words of the core's unions, and no others", () => {
    const wordsOf = (file: string, type: string): string[] =>
      [...(new RegExp(`export type ${type} = ([^;]+);`).exec(read(file))?.[1] ?? "").matchAll(/"(\w+)"/g)].map(
        ([, word]) => word as string,
      );
    const { Alert, Crossing, Presence, PlaceRef } = schema().$defs as Record<string, Shape>;
    const words = (shape: Shape | undefined, field: string): unknown => shape?.properties[field]?.enum;
    const direction = wordsOf("domain/camera.ts", "Direction");
    expect(direction).toEqual(["entry", "exit"]);
    expect(words(Alert, "ruleType")).toEqual(wordsOf("domain/camera.ts", "RuleType"));
    expect(words(Alert, "severity")).toEqual(wordsOf("domain/camera.ts", "Severity"));
    expect(words(Alert, "direction")).toEqual([...direction, "up", "down"]);
    expect(words(Crossing, "direction")).toEqual(direction);
    expect(words(Presence, "reason")).toEqual(wordsOf("domain/event.ts", "EndReason"));
    expect(words(PlaceRef, "analytic")).toEqual(wordsOf("domain/camera.ts", "Analytic"));
  });

  it("is of the version that records are written in", () => {
    expect(schema().$id).toBe(`urn:tallywire:derived:${derivedSchema.version}`);
    expect(schema().title).toMatch(new RegExp(`schema version ${derivedSchema.version}$`));
  });

  it.each([
    ["an unknown kind", { kind: "frame" }],
    ["a stay that ended for no reason", { change: "left", reason: undefined }],
    ["an entry with a reason", { change: "entered", reason: "left" }],
    ["an instant with a fraction", { at: 1.5 }],
  ])("refuses %s", (_, over) => {
    const wrong = judge();
    const left = asRecord(presence("cam-1")) as object;
    expect(wrong(left)).toBe("");
    expect(wrong(JSON.parse(JSON.stringify({ ...left, ...over })))).not.toBe("");
  });
});
