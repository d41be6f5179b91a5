/** A body of JSON: read, and held against its schema. */
import type { z } from "@hono/zod-openapi";
import { camelFields, type Path, pathText } from "./naming.ts";
import { unprocessable } from "./problem.ts";

const NONE: ReadonlySet<string> = new Set();

/** JSON in UTF-8, the known fields in camelCase; without any as it was sent. Throws Problem 422. */
export const readJson = (body: Uint8Array, known = NONE): unknown => {
  try {
    return camelFields(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)), known);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw unprocessable("", "The body is no JSON in UTF-8.");
    if (error instanceof RangeError) throw unprocessable("", "The body is nested too deeply.");
    throw error;
  }
};

/** The first fault, with its path. `elsewhere` says where a moved field was sent. */
export const checked = <S extends z.ZodType>(
  schema: S,
  value: unknown,
  at: Path = [],
  elsewhere?: ReadonlyMap<string, Path>,
): z.output<S> => {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const { path, message } = faultOf(read.error.issues[0] as z.core.$ZodIssue);
  const [field, ...rest] = path;
  const moved = typeof field === "string" ? elsewhere?.get(field) : undefined;
  throw unprocessable(pathText([...at, ...(moved === undefined ? path : [...moved, ...rest])]), message);
};

export const faultOf = (issue: z.core.$ZodIssue): { readonly path: Path; readonly message: string } => {
  if (issue.code === "unrecognized_keys") return { path: [...issue.path, issue.keys[0] ?? ""], message: "is an unknown field" };
  return { path: issue.path, message: issue.message };
};
