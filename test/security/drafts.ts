/** Requests of one operation: good ones, ones with one fault, and hostile ones. */
import fc from "fast-check";
import type { OpenParameter, Operation } from "./documents.ts";
import type { Call } from "./guarded-server.ts";
import * as odd from "./hostile-values.ts";
import { presetOf } from "./pool.ts";
import { valuesOf } from "./schema-values.ts";
import { oddFrames } from "./upgrades.ts";

/** `strays`: its path may lead elsewhere than to the operation. */
export type Draft = {
  readonly call: Call;
  readonly strays: boolean;
  /** Of a socket: what is sent once it is open. Undefined: no upgrade is asked for. */
  readonly frame: Buffer | undefined;
};

export type World = {
  readonly token: string;
  /** Names that are there, and positions. */
  readonly texts: readonly string[];
  readonly camera: string;
  /** Of the tenant's jobs one, by what they are called in paths. */
  readonly jobs: ReadonlyMap<string, string>;
  /** Good ones, of every type that the operation takes. */
  readonly bodies: readonly { readonly body: Buffer; readonly type: string }[];
};

type Parts = {
  readonly path: Readonly<Record<string, string>>;
  /** Encoded, in order. */
  readonly query: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  readonly strays: boolean;
};

const JSON_TYPE = "application/json";

const textOf = (parameter: OpenParameter, operation: Operation, { texts, camera, jobs }: World): fc.Arbitrary<readonly string[]> => {
  const known = fc.constantFrom(...texts);
  const job = parameter.in === "path" ? jobs.get(operation.path.split("/")[1] ?? "") : undefined;
  const preset = job ?? presetOf({ ...parameter, required: true }, camera);
  const values = valuesOf(parameter.schema, operation.document, known).map((value) => (Array.isArray(value) ? value : [value]).map(String));
  if (preset === undefined) return values;
  return fc.oneof({ arbitrary: fc.constant([preset]), weight: 2 }, { arbitrary: values, weight: 1 });
};

/** Under another id: what is there already may be refused. */
const renamed = ({ body, type }: World["bodies"][number]): fc.Arbitrary<World["bodies"][number]> => {
  const whole: unknown = type === JSON_TYPE ? JSON.parse(body.toString()) : undefined;
  if (typeof whole !== "object" || whole === null || !("id" in whole)) return fc.constant({ body, type });
  return fc.string({ minLength: 1, maxLength: 12 }).map((id) => ({ body: Buffer.from(JSON.stringify({ ...whole, id })), type }));
};

const goodBody = (
  operation: Operation,
  { texts, bodies }: World,
): fc.Arbitrary<{ readonly body: Buffer; readonly type: string } | undefined> => {
  const known = fc.oneof(fc.constantFrom(...texts), fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 8 }));
  const given = bodies.map((one) => fc.oneof(fc.constant(one), renamed(one)));
  const schema = operation.bodies[JSON_TYPE]?.schema;
  const json =
    schema && valuesOf(schema, operation.document, known).map((value) => ({ body: Buffer.from(JSON.stringify(value)), type: JSON_TYPE }));
  const made = json === undefined ? [] : [json];
  if (given.length + made.length === 0) return fc.constant(undefined);
  return fc.oneof(...given, ...made);
};

/** What is opaque (cursors, positions) is seldom good by chance: such a parameter is left out more often. */
const OPAQUE_ONE_IN = 8;
const isThere = ({ required, schema }: OpenParameter): fc.Arbitrary<boolean> => {
  if (required === true) return fc.constant(true);
  const isOpaque = schema.type === "string" && Object.keys(schema).length === 1;
  return isOpaque ? fc.nat({ max: OPAQUE_ONE_IN - 1 }).map((one) => one === 0) : fc.boolean();
};

const good = (operation: Operation, world: World): fc.Arbitrary<Parts> => {
  const inQuery = operation.parameters.filter((one) => one.in === "query");
  const values = fc.tuple(...inQuery.map((one) => fc.tuple(textOf(one, operation, world), isThere(one))));
  const inPath = operation.parameters.filter((one) => one.in === "path");
  const segments = fc.tuple(...inPath.map((one) => textOf(one, operation, world)));
  const accept = fc.constantFrom(JSON_TYPE, "text/csv", "*/*");
  return fc.tuple(values, segments, goodBody(operation, world), accept).map(
    ([given, ids, sent, accepted]): Parts => ({
      path: Object.fromEntries(inPath.map(({ name }, at) => [name, odd.percent(ids[at]?.[0] ?? "x")])),
      query: given.flatMap(([texts, is], at) => (is ? texts.map((text) => `${inQuery[at]?.name}=${odd.percent(text)}`) : [])),
      headers: { authorization: `Bearer ${world.token}`, accept: accepted, ...(sent && { "content-type": sent.type }) },
      body: sent?.body,
      strays: false,
    }),
  );
};

type Fault = (parts: Parts) => Parts;

const nameOf = (operation: Operation): fc.Arbitrary<string> => {
  const names = operation.parameters.filter((one) => one.in === "query").map(({ name }) => name);
  return names.length === 0 ? fc.constant("x") : fc.constantFrom(...names, "unknown");
};

/** In a JSON body: one member of it becomes another, goes, or gets a sibling nobody knows. */
const bent = (body: Buffer | undefined, at: number, how: number, value: unknown): Buffer | undefined => {
  if (body === undefined) return undefined;
  let whole: unknown;
  try {
    whole = JSON.parse(body.toString());
  } catch {
    // Lines, or bytes: cut off.
    return body.subarray(0, at % (body.length + 1));
  }
  const holders: { readonly of: Record<string, unknown>; readonly key: string }[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    for (const key of Object.keys(node)) {
      holders.push({ of: node as Record<string, unknown>, key });
      walk((node as Record<string, unknown>)[key]);
    }
  };
  walk(whole);
  const holder = holders[at % Math.max(1, holders.length)];
  if (holder === undefined) return Buffer.from(JSON.stringify(value) ?? "null");
  if (how === 0) delete holder.of[holder.key];
  else if (how === 1 && !Array.isArray(holder.of)) holder.of[`un${holder.key}`] = value;
  else holder.of[holder.key] = value;
  return Buffer.from(JSON.stringify(whole));
};

const oneFault = (operation: Operation): fc.Arbitrary<Fault> => {
  const isPath = operation.path.includes("{");
  const faults: fc.Arbitrary<Fault>[] = [
    fc.nat().map(
      (at): Fault =>
        (parts) => ({ ...parts, query: parts.query.filter((_, index) => index !== at % Math.max(1, parts.query.length)) }),
    ),
    fc.nat().map(
      (at): Fault =>
        (parts) => ({ ...parts, query: [...parts.query, ...parts.query.slice(at % Math.max(1, parts.query.length)).slice(0, 1)] }),
    ),
    fc.tuple(nameOf(operation), odd.oddTexts).map(
      ([name, text]): Fault =>
        (parts) => ({ ...parts, query: [...parts.query.filter((piece) => !piece.startsWith(`${name}=`)), `${name}=${odd.percent(text)}`] }),
    ),
  ];
  if (Object.keys(operation.bodies).length > 0)
    faults.push(
      ...Array.from({ length: 3 }, () =>
        fc.tuple(fc.nat(), fc.nat({ max: 4 }), odd.oddJson).map(
          ([at, how, value]): Fault =>
            (parts) => ({ ...parts, body: bent(parts.body, at, how, value) }),
        ),
      ),
      odd.oddTypes.map(
        (type): Fault =>
          (parts) => ({ ...parts, headers: { ...parts.headers, "content-type": type } }),
      ),
      fc.nat().map(
        (at): Fault =>
          (parts) => ({ ...parts, body: parts.body?.subarray(0, at % parts.body.length) }),
      ),
    );
  if (isPath)
    faults.push(
      odd.oddTexts.map(
        (text): Fault =>
          (parts) => ({ ...parts, path: mapped(parts.path, odd.percent(text)), strays: true }),
      ),
    );
  return fc.oneof(...faults);
};

const mapped = (path: Parts["path"], to: string): Parts["path"] => Object.fromEntries(Object.keys(path).map((name) => [name, to]));

const hostility = (operation: Operation): fc.Arbitrary<Fault> =>
  fc.oneof(
    fc.tuple(nameOf(operation), odd.oddEncoded).map(
      ([name, raw]): Fault =>
        (parts) => ({ ...parts, query: [...parts.query.filter((piece) => !piece.startsWith(`${name}=`)), `${name}=${raw}`] }),
    ),
    odd.oddPieces.map(
      (piece): Fault =>
        (parts) => ({ ...parts, query: [piece, ...parts.query] }),
    ),
    odd.oddHeaders.map(
      (headers): Fault =>
        (parts) => ({ ...parts, headers: { ...parts.headers, ...headers } }),
    ),
    odd.oddBodies.map(
      ({ body, headers }): Fault =>
        (parts) => ({ ...parts, body, headers: { ...parts.headers, ...headers } }),
    ),
    odd.oddEncoded.map(
      (raw): Fault =>
        (parts) => ({ ...parts, path: mapped(parts.path, raw), strays: Object.keys(parts.path).length > 0 }),
    ),
  );

/** By weight: as good, with one fault, and with one to three hostilities. */
const WEIGHTS = { good: 3, oneFault: 4, hostile: 3 } as const;

export const draftsOf = (operation: Operation, world: World): fc.Arbitrary<Draft> => {
  const begun = good(operation, world);
  const worse = (faults: fc.Arbitrary<readonly Fault[]>): fc.Arbitrary<Parts> =>
    fc.tuple(begun, faults).map(([parts, all]) => all.reduce((sofar, fault) => fault(sofar), parts));
  return fc
    .tuple(
      fc.constantFrom(...operation.bases),
      fc.oneof(
        { arbitrary: begun, weight: WEIGHTS.good },
        { arbitrary: worse(fc.tuple(oneFault(operation))), weight: WEIGHTS.oneFault },
        { arbitrary: worse(fc.array(hostility(operation), { minLength: 1, maxLength: 3 })), weight: WEIGHTS.hostile },
      ),
      operation.protocols === undefined ? fc.constant(undefined) : fc.option(oddFrames, { nil: undefined }),
    )
    .map(([base, { path, query, headers, body, strays }, frame]): Draft => {
      const asked = query.length === 0 ? "" : `?${query.join("&")}`;
      const target = base + operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => path[name] ?? "") + asked;
      return { call: { method: operation.method, target, headers, body }, strays, frame };
    });
};
