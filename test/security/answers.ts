/** Whether an answer is one that the document declares: its status, its type, its shape. */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { OpenDocument, Operation } from "./documents.ts";
import type { Answer } from "./guarded-server.ts";

const formats = {
  date: /^\d{4}-\d\d-\d\d$/,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  uri: /^https?:\/\/[^/\s]+\/\S*$/,
  uuid: /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/,
};

const pointer = (part: string): string => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"));

/** What is answered before a route is looked for: to a head that is none, or is too large. */
const BEFORE_ROUTING = new Set([400, 408, 431]);
const PROBLEM = "application/problem+json";

export type Verdict = { readonly fault: string | undefined; readonly isBeforeRouting: boolean };

export const createVerdicts = (documents: ReadonlyMap<string, OpenDocument>) => {
  const ajv = new Ajv2020({ strict: false, formats });
  for (const [name, document] of documents) ajv.addSchema(document as object, `${name}.json`);
  const compiled = new Map<string, ValidateFunction>();

  const shapeOf = (operation: Operation, status: string, type: string): ValidateFunction => {
    const at = ["paths", operation.path, operation.method.toLowerCase(), "responses", status, "content", type, "schema"]
      .map(pointer)
      .join("/");
    const $ref = `${operation.surface}.json#/${at}`;
    const known = compiled.get($ref) ?? ajv.compile({ $ref });
    compiled.set($ref, known);
    return known;
  };

  const faultIn = (operation: Operation, status: string, type: string, body: Buffer): string | undefined => {
    const { content } = operation.responses[status] ?? {};
    if (content === undefined) return body.length === 0 ? undefined : "has a body that is not declared";
    if (content[type]?.schema === undefined) return `its type ${type} is not declared`;
    // Lines of JSON are no JSON.
    if (!/[/+]json$/.test(type)) return undefined;
    const isShaped = shapeOf(operation, status, type);
    let read: unknown;
    try {
      read = JSON.parse(body.toString());
    } catch {
      return "is no JSON";
    }
    return isShaped(read) ? undefined : ajv.errorsText(isShaped.errors);
  };

  /** `strays`: the path may lead elsewhere, where nothing is. */
  return (operation: Operation, { status, headers, body }: Answer, strays: boolean): Verdict => {
    const type = headers["content-type"]?.split(";")[0] ?? "";
    const is = (fault: string | undefined, isBeforeRouting = false): Verdict => ({ fault, isBeforeRouting });
    // Elsewhere is another surface's, or nobody's; or ours, where it refuses as it does everywhere.
    const refusedAs = [PROBLEM, ...Object.keys(operation.responses["500"]?.content ?? {})];
    if (strays && (status === 404 || status === 405) && refusedAs.includes(type) && (type === PROBLEM || status === 405))
      return is(undefined);
    if (operation.responses[String(status)] !== undefined) return is(faultIn(operation, String(status), type, body));
    if (BEFORE_ROUTING.has(status) && headers.connection === "close" && type === PROBLEM) return is(undefined, true);
    return is(`${status} ${type} is not declared`);
  };
};
