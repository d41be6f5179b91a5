/** Every GET of the documents, with every value in every place. */
import { type Crawler, likeness } from "./crawler.ts";
import type { Operation } from "./documents.ts";
import { type Answer, isJson } from "./guarded-server.ts";
import { own, shared } from "./mirror.ts";
import { presetOf, type Value, valuesFor } from "./pool.ts";
import { requestOf, type Values } from "./requests.ts";

const isRead = ({ method, protocols, scope }: Operation): boolean => method === "GET" && protocols === undefined && scope !== undefined;
export const presetsOf = (operation: Operation, camera: string): Values =>
  Object.fromEntries(operation.parameters.map((parameter) => [parameter.name, presetOf(parameter, camera)]));

const JSON_TYPE = "application/json";
const CSV = "text/csv";
const typesOf = ({ responses }: Operation): readonly string[] => Object.keys(responses["200"]?.content ?? {});

/** What stands at a job's path: one of the tenant's own. */
const jobIn = ({ jobs }: Crawler, { path }: Operation): Values => {
  const id = path.includes("{id}") ? jobs.get(path.split("/")[1] ?? "") : undefined;
  return id === undefined ? {} : { id };
};

/** Each read with good values: the answers by what was asked. `after`: a position that is to be in them. `limit`: the first page, of so many. */
export const goodAnswers = async (
  crawler: Crawler,
  operations: readonly Operation[],
  after?: string,
  limit?: string,
): Promise<ReadonlyMap<string, readonly Answer[]>> => {
  const cameras = [shared.camera, own(crawler.tenant, "cam")];
  const answers = operations.filter(isRead).flatMap((operation) => {
    const has = (name: string): boolean => operation.parameters.some((one) => one.name === name);
    return cameras.map(async (camera) => {
      const values = {
        ...presetsOf(operation, camera),
        ...jobIn(crawler, operation),
        ...(has("after") && { after }),
        ...(has("limit") && limit !== undefined && { limit }),
      };
      const call = requestOf(operation, crawler.token, values);
      const pages = await crawler.pages(operation, call, limit === undefined ? undefined : 1);
      return [`${operation.name} ${camera}`, pages] as const;
    });
  });
  return new Map(await Promise.all(answers));
};

const isRecorded = (value: unknown): value is object =>
  typeof value === "object" && value !== null && "record" in value && value.record === true;

/** What came of a job, and how far it is, changes by itself. */
const isJob = (value: unknown): value is object => typeof value === "object" && value !== null && "kind" in value && "wish" in value;
const asked = ({ id, kind, createdAt, wish }: Readonly<Record<string, unknown>>) => ({ id, kind, createdAt, wish });

/** Of a camera that is to be recorded, what its film says of it changes by itself: it is tried again and again. */
const lasting = (answer: Answer): string =>
  isJson(answer)
    ? JSON.stringify(
        JSON.parse(answer.body.toString(), (_, value: unknown) =>
          isJob(value)
            ? asked(value as Readonly<Record<string, unknown>>)
            : isRecorded(value)
              ? { ...value, status: undefined, recording: undefined }
              : value,
        ),
      )
    : answer.body.toString();

/** Status and body of each good read; what the server says of a moment (dates, positions, how a recording goes) is not in it. */
export const stateOf = async (crawler: Crawler, operations: readonly Operation[], after?: string): Promise<ReadonlyMap<string, string>> => {
  const answers = await goodAnswers(crawler, operations, after);
  return new Map([...answers].map(([name, pages]) => [name, pages.map((page) => `${page.status} ${lasting(page)}`).join("\n")]));
};

/** What is in one and not in the other, named. */
export const changesBetween = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...before].filter(([name, text]) => after.get(name) !== text).map(([name, text]) => `${name}: ${text}\n  became ${after.get(name)}`);

export type Trying = {
  readonly operations: readonly Operation[];
  readonly texts: readonly Value[];
  /** The other tenant's name: also said where nobody asked for it. */
  readonly otherName: string;
  /** Of all requests this share is made, from 0 to 1, evenly spread. */
  readonly share: number;
};

/** True for this share of the calls. */
export const every = (share: number): (() => boolean) => {
  let owed = 1 - share;
  return () => {
    owed += share;
    if (owed < 1) return false;
    owed--;
    return true;
  };
};

/** `value` in one place, and what is nobody's there: both are to be told the same. */
const tryIn = async (crawler: Crawler, operation: Operation, values: Values, name: string, value: Value, accept: string): Promise<void> => {
  const ask = (text: string) => {
    const call = requestOf(operation, crawler.token, { ...values, [name]: text }, { accept });
    return crawler.ask(operation.surface, call, value.foreign === undefined ? [] : [value.text]);
  };
  const told = await ask(value.text);
  if (value.foreign === undefined) return;
  const { nobodys } = value.foreign;
  const toldOfNobody = await ask(nobodys);
  if (likeness(told, [value.text]) !== likeness(toldOfNobody, [nobodys]))
    crawler.found.faults.push(
      `${operation.name}: ${name}=${value.text} is told otherwise than ${nobodys}: ${told.status} ${told.body} and ${toldOfNobody.status} ${toldOfNobody.body}`,
    );
  expect404(crawler, operation, name, told);
};

/** A foreign id in a path is not found, wherever a route knows what is not found. */
export const expect404 = (crawler: Crawler, operation: Operation, name: string, { status }: Answer): void => {
  if (operation.responses["404"] !== undefined && operation.path.includes(`{${name}}`) && status !== 404)
    crawler.found.faults.push(`${operation.name}: a foreign ${name} is answered ${status}, not 404`);
};

/** Under each base; and saying, where nobody asked, that one is the other. */
const askPlainly = async (crawler: Crawler, operation: Operation, otherName: string): Promise<void> => {
  const values = presetsOf(operation, shared.camera);
  for (const base of operation.bases) {
    await crawler.ask(operation.surface, requestOf(operation, crawler.token, values, { base }));
    const claims = { ...values, tenant: otherName, tenant_id: otherName, tenantId: otherName };
    const claiming = requestOf(operation, crawler.token, claims, { base });
    const named = { ...claiming, headers: { ...claiming.headers, "x-tenant": otherName, "x-tenant-id": otherName } };
    await crawler.ask(operation.surface, named, [otherName]);
  }
};

export const crawlReads = async (crawler: Crawler, { operations, texts, otherName, share }: Trying): Promise<void> => {
  const isDue = every(share);
  for (const operation of operations.filter(isRead)) {
    await askPlainly(crawler, operation, otherName);
    for (const camera of [shared.camera, own(crawler.tenant, "cam")]) {
      const accepts = [JSON_TYPE, ...typesOf(operation).filter((type) => type === CSV && camera === shared.camera)];
      const values = presetsOf(operation, camera);
      for (const accept of accepts)
        for (const parameter of operation.parameters) {
          const due = valuesFor(parameter, texts).filter(isDue);
          await Promise.all(due.map((value) => tryIn(crawler, operation, values, parameter.name, value, accept)));
        }
    }
  }
};
