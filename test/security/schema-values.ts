/** Values that a JSON Schema of the documents allows, as fast-check arbitraries: random by a seed, and shrunk where one fails. */
import fc from "fast-check";
import type { OpenDocument, Schema } from "./documents.ts";

/** What stands where a schema asks for a text and says nothing more of it. */
export type Texts = fc.Arbitrary<string>;

const list = (value: unknown): readonly Schema[] => value as readonly Schema[];
/** Of nested bodies: deeper ones are tried on purpose, elsewhere. */
const DEEPEST = 8;
/** Of lists and maps, unless the schema wants more. */
const MOST = 3;

type Given = { readonly document: OpenDocument; readonly texts: Texts };

const instants = fc
  .date({ min: new Date("2026-01-05T07:00:00Z"), max: new Date("2026-01-05T09:00:00Z"), noInvalidDate: true })
  .map((at) => at.toISOString());

const textOf = (schema: Schema, texts: Texts): fc.Arbitrary<string> => {
  if (schema.format === "date-time") return instants;
  if (schema.format === "date") return instants.map((at) => at.slice(0, 10));
  if (schema.format === "uuid") return fc.uuid();
  if (typeof schema.pattern === "string") return fc.stringMatching(new RegExp(schema.pattern));
  const { minLength = 0, maxLength = Infinity } = schema as { readonly minLength?: number; readonly maxLength?: number };
  return texts.map((text) => text.padEnd(minLength, "x").slice(0, maxLength));
};

const numberOf = (schema: Schema): fc.Arbitrary<number> => {
  const { minimum, maximum, exclusiveMinimum } = schema as Readonly<Record<string, number | undefined>>;
  const least = minimum ?? exclusiveMinimum ?? -1000;
  const most = maximum ?? Math.max(1000, least + 1000);
  if (schema.type === "integer") return fc.integer({ min: Math.ceil(least), max: Math.floor(Math.min(most, Number.MAX_SAFE_INTEGER)) });
  return fc.double({ min: least, max: most, minExcluded: exclusiveMinimum !== undefined, noNaN: true });
};

const objectOf = (schema: Schema, given: Given, depth: number): fc.Arbitrary<object> => {
  const properties = (schema.properties ?? {}) as Readonly<Record<string, Schema>>;
  const required = (schema.required ?? []) as readonly string[];
  const members = Object.fromEntries(Object.entries(properties).map(([name, of]) => [name, valueFor(of, given, depth + 1)]));
  const own = fc.record(members, { requiredKeys: [...required] }) as fc.Arbitrary<object>;
  const { additionalProperties: more } = schema;
  if (typeof more !== "object" || more === null) return own;
  const others = fc.dictionary(given.texts, valueFor(more as Schema, given, depth + 1), { maxKeys: MOST });
  return fc.tuple(others, own).map(([added, said]) => ({ ...added, ...said }));
};

const arrayOf = (schema: Schema, given: Given, depth: number): fc.Arbitrary<unknown[]> => {
  const { items = {}, minItems = 0, maxItems = MOST } = schema as { items?: Schema; minItems?: number; maxItems?: number };
  return fc.array(valueFor(items, given, depth + 1), { minLength: minItems, maxLength: Math.min(maxItems, Math.max(MOST, minItems)) });
};

const ofType = (type: string, schema: Schema, given: Given, depth: number): fc.Arbitrary<unknown> => {
  switch (type) {
    case "string":
      return textOf(schema, given.texts);
    case "integer":
    case "number":
      return numberOf({ ...schema, type });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return arrayOf(schema, given, depth);
    case "object":
      return objectOf(schema, given, depth);
    default:
      throw new Error(`there is no type ${type}`);
  }
};

const valueFor = (schema: Schema, given: Given, depth: number): fc.Arbitrary<unknown> => {
  if (depth > DEEPEST) return fc.constant(null);
  const { $ref, anyOf, oneOf, allOf, type } = schema;
  if (typeof $ref === "string") {
    const named = given.document.components?.schemas?.[$ref.split("/").at(-1) ?? ""];
    if (named === undefined) throw new Error(`there is no schema ${$ref}`);
    return valueFor(named, given, depth);
  }
  const either = anyOf ?? oneOf;
  if (either !== undefined) return fc.oneof(...list(either).map((one) => valueFor(one, given, depth)));
  if (allOf !== undefined)
    return fc.tuple(...list(allOf).map((one) => valueFor(one, given, depth))).map((parts) => Object.assign({}, ...parts) as unknown);
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...(schema.enum as readonly unknown[]));
  if (type === undefined) return fc.jsonValue({ maxDepth: 2 });
  const types = Array.isArray(type) ? (type as readonly string[]) : [type as string];
  return fc.oneof(...types.map((one) => ofType(one, schema, given, depth)));
};

/** Throws for a schema that it cannot read: what is not tried must not go unsaid. */
export const valuesOf = (schema: Schema, document: OpenDocument, texts: Texts): fc.Arbitrary<unknown> =>
  valueFor(schema, { document, texts }, 0);
