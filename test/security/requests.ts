/** Requests of an operation, put together from parts. */
import type { Operation } from "./documents.ts";
import type { Call } from "./guarded-server.ts";

/** Values by the parameter's name; undefined: left out. */
export type Values = Readonly<Record<string, string | undefined>>;
export type More = { readonly base?: string; readonly accept?: string; readonly body?: string | undefined; readonly type?: string };

/** `token`: undefined for none. */
export const requestOf = (operation: Operation, token: string | undefined, values: Values, more: More = {}): Call => {
  const { base = operation.bases[0] ?? "", accept, body, type = "application/json" } = more;
  const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const inPath = new Set([...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
  const headers: Record<string, string> = {};
  const query = new URLSearchParams();
  const inHeader = new Set(operation.parameters.filter((one) => one.in === "header").map(({ name }) => name));
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || inPath.has(name)) continue;
    if (inHeader.has(name)) headers[name] = value;
    else query.append(name, value);
  }
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (accept !== undefined) headers.accept = accept;
  if (body !== undefined) headers["content-type"] = type;
  const asked = query.size === 0 ? "" : `?${query}`;
  return { method: operation.method, target: base + path + asked, headers, body };
};

/** The operation that a request written by hand belongs to. Throws where there is none. */
export const operationAt = (operations: readonly Operation[], { method, target }: Call): Operation => {
  const path = target.split("?")[0] ?? "";
  const found = operations.find(
    (operation) =>
      operation.method === method &&
      operation.bases.some((base) => new RegExp(`^${base}${operation.path.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path)),
  );
  if (found === undefined) throw new Error(`no document has ${method} ${path}`);
  return found;
};
