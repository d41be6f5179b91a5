/** Every operation of every document, with requests that are good, nearly good and hostile; the answers held against the documents. */
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { limits } from "../../domain/limits.ts";
import { NvFrameSchema } from "../../ingest/formats/nv-protobuf.ts";
import { nvFrame } from "../support/foreign.ts";
import { createVerdicts } from "./answers.ts";
import { Crawler, nothingFound } from "./crawler.ts";
import { type Operation, operationsIn, readDocuments } from "./documents.ts";
import { type Draft, draftsOf, type World } from "./drafts.ts";
import { furnish } from "./furnish.ts";
import type { Call, Guarded } from "./guarded-server.ts";
import { BEGIN, mirrored, own, ownIds, shared, type Tenant } from "./mirror.ts";
import { operationAt } from "./requests.ts";
import { type Upgraded, upgrade } from "./upgrades.ts";

export type Tried = { readonly surface: string; readonly name: string; requests: number; readonly statuses: Map<number, number> };
export type Fuzzed = {
  readonly tried: readonly Tried[];
  /** Each with a curl line. */
  readonly faults: readonly string[];
  /** Queries with `after=` that waited in vain. */
  readonly waitedInVain: number;
  readonly beforeRouting: number;
  /** Mebibytes of the server's memory. */
  readonly memory: { readonly before: number; readonly after: number };
};

/** Of one operation, however many there are: with fewer none of them may be let succeed. */
const LEAST = 12;
/** Of one operation: then it is left. */
const MOST_FAULTS = 5;
/** Requests to find a smaller one that fails. */
const SHRINKING = 100;
const SHOWN = 400;
/** Writes after which the data is put back as it was: what is removed cannot be removed again. */
const BETWEEN = 50;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const curl = (url: string, { method, target, headers = {}, body }: Call): string => {
  const shown = { ...headers, ...(headers.authorization?.startsWith("Bearer ey") && { authorization: "Bearer $TOKEN" }) };
  const heads = Object.entries(shown).map(([name, value]) => `-H "${name}: ${value.slice(0, SHOWN).replaceAll(/["`\\]/g, "\\$&")}"`);
  const text = Buffer.from(body ?? "").toString();
  const isText = Buffer.from(text).equals(Buffer.from(body ?? ""));
  const sent =
    body === undefined
      ? []
      : isText
        ? [`--data-binary ${quoted(text.slice(0, SHOWN))}`]
        : [`--data-binary @<(echo ${Buffer.from(body).toString("base64").slice(0, SHOWN)} | base64 -d)`];
  return ["curl -g --path-as-is", `-X ${method}`, quoted(url + target), ...heads, ...sent].join(" ");
};

const rssOf = (pid: number): number => {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Math.round(Number(kib) / 1024);
};

const framesIn = (call: Call): readonly unknown[] => JSON.parse(String(call.body)) as readonly unknown[];

/** The bodies that wrote the tenant's data; of frames also as lines, and as protobuf. */
const bodiesOf = (operation: Operation, operations: readonly Operation[], tenant: Tenant): World["bodies"] => {
  const calls = mirrored(tenant).filter((call) => operationAt(operations, call) === operation);
  const message = fromBinary(NvFrameSchema, nvFrame(shared.camera, "made", BEGIN));
  return Object.keys(operation.bodies).flatMap((type) => {
    if (type === "application/x-protobuf") return [{ type, body: Buffer.from(sizeDelimitedEncode(NvFrameSchema, message)) }];
    if (type === "application/x-ndjson")
      return calls.map((call) => ({
        type,
        body: Buffer.from(
          framesIn(call)
            .map((frame) => JSON.stringify(frame))
            .join("\n"),
        ),
      }));
    return calls.map(({ body }) => ({ type, body: Buffer.from(body ?? "") }));
  });
};

/** Faults that begin alike are one: the others of its kind are not told again. */
const kindOf = (fault: string): string => fault.slice(0, 60);

/** A refusal by whoever reads heads ends the connection, maybe while we still write. */
const answerTo = async (server: Guarded, { call, frame }: Draft): Promise<Upgraded | undefined> => {
  for (let tries = 0; ; tries++) {
    try {
      return frame === undefined ? { answer: await server.call(call), fault: undefined } : await upgrade(server, call, frame);
    } catch (error) {
      const isLarge = Object.values(call.headers ?? {}).some((value) => value.length > limits.headBytes / 2);
      if (isLarge) return undefined;
      // A kept connection that the server closes just as it is used again: once, not twice.
      if (tries > 0) throw error;
    }
  }
};

/** What changes nothing goes first, what removes goes last. */
const inOrder = (operations: readonly Operation[]): readonly Operation[] => {
  const rank = ({ method }: Operation): number => (method === "GET" ? 0 : method === "DELETE" ? 2 : 1);
  return operations.toSorted((a, b) => rank(a) - rank(b));
};

/** Ids of what rules told of the tenant, some. */
const eventsOf = async (server: Guarded, token: string, after: string | undefined): Promise<readonly string[]> => {
  const query = new URLSearchParams({ limit: "4", ...(after !== undefined && { after }) });
  const answer = await server.call({ method: "GET", target: `/v2/api/events?${query}`, headers: { authorization: `Bearer ${token}` } });
  const { events } = JSON.parse(answer.body.toString()) as { readonly events?: readonly { readonly id: string }[] };
  if (events === undefined || events.length === 0) throw new Error(`no events to ask for: ${answer.status} ${answer.body}`);
  return events.map(({ id }) => id);
};

/** As ivms says that a camera cannot be played: those here lead nowhere. */
const CAMERA_AWAY = '"status":1504';
const IN_VAIN = "What was written is not readable yet";

export const fuzz = async (server: Guarded, { requests, seed }: { readonly requests: number; readonly seed: number }): Promise<Fuzzed> => {
  const documents = await readDocuments(server.url);
  const operations = operationsIn(documents);
  const verdict = createVerdicts(documents);
  const pid = server.server.process.pid ?? 0;
  const faults: string[] = [];
  const tried: Tried[] = [];
  const counts = { waitedInVain: 0, beforeRouting: 0 };

  const faultOf = async (operation: Operation, draft: Draft, note: Tried): Promise<string | undefined> => {
    const { call, strays } = draft;
    const told = await answerTo(server, draft);
    const answer = told?.answer;
    note.requests++;
    if (answer === undefined) {
      counts.beforeRouting++;
      return undefined;
    }
    const { status, body } = answer;
    if (told?.fault !== undefined) return told.fault;
    note.statuses.set(status, (note.statuses.get(status) ?? 0) + 1);
    if (status === 503 && /[?&]after=/.test(call.target) && body.includes(IN_VAIN)) {
      counts.waitedInVain++;
      return undefined;
    }
    if (status >= 500 && !(operation.surface === "ivms" && body.includes(CAMERA_AWAY))) return `${status} ${body}`;
    const { fault, isBeforeRouting } = verdict(operation, answer, strays);
    if (isBeforeRouting) counts.beforeRouting++;
    return fault && `${status}: ${fault}: ${body.subarray(0, SHOWN)}`;
  };

  const tryOperation = async (operation: Operation, world: World, note: Tried, wanted: number): Promise<void> => {
    const known = new Set<string>();
    let last: string | undefined;
    let shrinking = 0;
    const property = fc.asyncProperty(draftsOf(operation, world), async (draft) => {
      if (last !== undefined && ++shrinking > SHRINKING) return;
      const fault = await faultOf(operation, draft, note);
      if (fault === undefined || known.has(kindOf(fault))) return;
      last = fault;
      throw new Error(fault);
    });
    // Other draws for each operation, the same for each run.
    const begun = seed + operations.indexOf(operation) * requests;
    for (let found = 0; note.requests < wanted && found < MOST_FAULTS; found++) {
      last = undefined;
      shrinking = 0;
      const told = await fc.check(property, { numRuns: wanted - note.requests, seed: begun + note.requests });
      const [draft] = told.counterexample ?? [];
      if (draft === undefined || last === undefined) break;
      known.add(kindOf(last));
      const after = draft.frame === undefined ? "" : ` # upgraded, then ${draft.frame.toString("hex").slice(0, SHOWN)}`;
      faults.push(`${operation.surface} ${operation.name}: ${last}\n  ${curl(server.url, draft.call)}${after}`);
    }
  };

  const before = rssOf(pid);
  for (const surface of documents.keys()) {
    const mine = operations.filter((operation) => operation.surface === surface);
    const tenant: Tenant = { name: `fuzz-${surface}`, mark: surface, nobody: "nobody" };
    const crawler = new Crawler(server, tenant, nothingFound());
    let position: string | undefined;
    let events: readonly string[] = [];
    for (const operation of inOrder(mine)) {
      const note: Tried = { surface, name: operation.name, requests: 0, statuses: new Map() };
      tried.push(note);
      const wanted = Math.max(LEAST, Math.ceil(requests / mine.length));
      while (note.requests < wanted) {
        // What was removed or forbidden before is there again.
        const isRead = operation.method === "GET";
        if (position === undefined || !isRead) position = await furnish(crawler, operations);
        if (events.length === 0) events = await eventsOf(server, crawler.token, position);
        const world: World = {
          token: crawler.token,
          camera: shared.camera,
          jobs: crawler.jobs,
          texts: [...Object.values(shared), ...ownIds(tenant), own(tenant, "type"), "*", "Europe/Berlin", position ?? "", ...events],
          bodies: bodiesOf(operation, operations, tenant),
        };
        const most = isRead ? wanted : Math.min(wanted, note.requests + BETWEEN);
        const found = faults.length;
        await tryOperation(operation, world, note, most);
        if (faults.length - found === MOST_FAULTS) break;
      }
    }
  }
  return { tried, faults, ...counts, memory: { before, after: rssOf(pid) } };
};
