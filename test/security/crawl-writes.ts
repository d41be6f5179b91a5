/** Every other method of the documents: bodies that are good, with the other tenant's ids in each place, and bodies made from the schemas. */
import fc from "fast-check";
import { every, expect404, presetsOf, type Trying } from "./crawl-reads.ts";
import { type Crawler, likeness } from "./crawler.ts";
import type { Operation, Schema } from "./documents.ts";
import { positionOf } from "./furnish.ts";
import type { Answer, Call } from "./guarded-server.ts";
import { mirrored, own, ownIds, shared } from "./mirror.ts";
import { type Value, valuesFor } from "./pool.ts";
import { operationAt, requestOf, type Values } from "./requests.ts";
import { valuesOf } from "./schema-values.ts";

const JSON_TYPE = "application/json";
/** Bodies made from a schema, of each operation. */
const MADE = 10;
const SEED = 5;

type Path = readonly (string | number)[];

/** Where a body has a text. */
const textsIn = (value: unknown, at: Path = []): readonly Path[] => {
  if (typeof value === "string") return [at];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => textsIn(member, [...at, Array.isArray(value) ? Number(key) : key]));
};
const put = (value: unknown, [key, ...rest]: Path, text: string): unknown => {
  if (key === undefined) return text;
  const members = value as Record<string | number, unknown>;
  return Array.isArray(value)
    ? value.with(Number(key), put(members[key], rest, text))
    : { ...members, [key]: put(members[key], rest, text) };
};
/** Of many equal members of a list the first says what the others do. */
const FIRST = 2;
const isNear = (path: Path): boolean => path.every((key) => typeof key === "string" || key < FIRST);

const flagsOf = (operation: Operation): readonly string[] => {
  const written = operation.bodies[JSON_TYPE]?.schema;
  const name = (written?.$ref as string | undefined)?.split("/").at(-1);
  const schema = (name === undefined ? written : operation.document.components?.schemas?.[name]) as Schema | undefined;
  const properties = (schema?.properties ?? {}) as Readonly<Record<string, Schema>>;
  return Object.entries(properties)
    .filter(([, { type }]) => type === "boolean")
    .map(([flag]) => flag);
};

/** A body, and what of the other tenant is in it. */
type Body = { readonly text: string; readonly sent: readonly string[] };

const bodiesOf = (
  operation: Operation,
  good: readonly Call[],
  trying: Trying & { readonly foreignIds: readonly string[] },
): readonly Body[] => {
  const { foreignIds, otherName } = trying;
  const plain = good.map(({ body }) => JSON.parse(String(body)) as unknown);
  const [first] = plain;
  const schema = operation.bodies[JSON_TYPE]?.schema;
  const anyText = fc.constantFrom(...Object.values(shared), ...foreignIds, "*");
  const made = schema === undefined ? [] : fc.sample(valuesOf(schema, operation.document, anyText), { numRuns: MADE, seed: SEED });
  const said = (body: unknown, sent: readonly string[] = []): Body => ({ text: JSON.stringify(body), sent });
  return [
    ...plain.map((body) => said(body)),
    ...textsIn(first)
      .filter(isNear)
      .flatMap((path) => foreignIds.map((id) => said(put(first, path, id), [id]))),
    ...flagsOf(operation).map((flag) => said({ ...(first as object), [flag]: true })),
    ...["tenant", "tenant_id"].map((name) => said({ ...(first as object), [name]: otherName }, [otherName])),
    ...made.map((body) => said(body, foreignIds)),
  ];
};

/** What removes goes last: until then there is something to change. */
const inOrder = (operations: readonly Operation[]): readonly Operation[] => {
  const writes = operations.filter(({ method }) => method !== "GET");
  return [...writes.filter(({ method }) => method !== "DELETE"), ...writes.filter(({ method }) => method === "DELETE")];
};

/** Gives the position of the last write. */
export const crawlWrites = async (
  crawler: Crawler,
  trying: Trying & { readonly foreign: Parameters<typeof ownIds>[0] },
): Promise<string | undefined> => {
  const { operations, texts, share, foreign, otherName } = trying;
  const isDue = every(share);
  const foreignIds = ownIds(foreign);
  // What else is the other's is not written: it would be one's own from then on, and could not be told from what leaks.
  const sayable = texts.filter(({ text, foreign: of }) => of === undefined || foreignIds.includes(text) || !text.includes(foreign.mark));
  let last: string | undefined;
  const ask = async (operation: Operation, values: Values, body: string | undefined, sent: readonly string[]): Promise<Answer> => {
    const answer = await crawler.ask(operation.surface, requestOf(operation, crawler.token, values, { body }), sent);
    last = (answer.status < 300 ? positionOf(answer) : undefined) ?? last;
    return answer;
  };
  const tryIn = async (operation: Operation, values: Values, name: string, value: Value, body: string | undefined): Promise<void> => {
    const told = await ask(operation, { ...values, [name]: value.text }, body, value.foreign === undefined ? [] : [value.text]);
    if (value.foreign === undefined) return;
    const { nobodys } = value.foreign;
    const toldOfNobody = await ask(operation, { ...values, [name]: nobodys }, body, []);
    if (likeness(told, [value.text]) !== likeness(toldOfNobody, [nobodys]))
      crawler.found.faults.push(
        `${operation.name}: ${name}=${value.text} is told otherwise than ${nobodys}: ${told.status} ${told.body} and ${toldOfNobody.status} ${toldOfNobody.body}`,
      );
    expect404(crawler, operation, name, told);
  };

  const partsOf = (operation: Operation) => {
    const good = mirrored(crawler.tenant).filter((call) => operationAt(operations, call) === operation);
    const values = presetsOf(operation, operation.method === "DELETE" ? own(crawler.tenant, "cam") : shared.camera);
    // A body may name the sensor; then the query does not.
    const inBody = good.some(({ body }) => String(body).includes('"sensorId"')) ? { ...values, sensorId: undefined } : values;
    const first = good[0]?.body === undefined ? undefined : String(good[0].body);
    const nameless = first?.startsWith("{") ? JSON.stringify({ ...JSON.parse(first), sensorId: undefined }) : first;
    return { good, values, inBody, nameless };
  };
  const tryAll = async (operation: Operation, isTried: (value: Value) => boolean): Promise<void> => {
    const { values, nameless } = partsOf(operation);
    for (const parameter of operation.parameters)
      for (const value of valuesFor(parameter, sayable).filter(isTried))
        if (isDue()) await tryIn(operation, values, parameter.name, value, nameless);
  };

  const ordered = inOrder(operations);
  // While no foreign id was written anywhere: from then on there is something of one's own under it.
  for (const operation of ordered) await tryAll(operation, (value) => value.foreign !== undefined);
  for (const operation of ordered) {
    const { good, values, inBody, nameless } = partsOf(operation);
    for (const { text, sent } of bodiesOf(operation, good, { ...trying, foreignIds }))
      if (isDue()) await ask(operation, inBody, text, sent);
    await tryAll(operation, (value) => value.foreign === undefined);
    for (const base of operation.bases) {
      const claims = { ...values, tenant: otherName, tenant_id: otherName };
      const claiming = requestOf(operation, crawler.token, claims, { base, body: nameless });
      const named = { ...claiming, headers: { ...claiming.headers, "x-tenant": otherName } };
      const answer = await crawler.ask(operation.surface, named, [otherName]);
      last = (answer.status < 300 ? positionOf(answer) : undefined) ?? last;
    }
    if (operation.method === "DELETE") await ask(operation, presetsOf(operation, shared.camera), undefined, []);
  }
  return last;
};
