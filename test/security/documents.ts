/** The OpenAPI documents of a server, as lists of operations: what is to be tried is made from them, so that a new route is tried by itself. */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Scope, scopes } from "../../api/caller.ts";

export type Schema = { readonly [keyword: string]: unknown };
export type OpenParameter = {
  readonly name: string;
  readonly in: "query" | "header" | "path";
  readonly required?: boolean;
  readonly schema: Schema;
};
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
type Written = {
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly OpenParameter[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
  readonly "x-websocket"?: { readonly protocols: readonly string[] };
};
export type OpenDocument = {
  readonly servers: readonly { readonly url: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Written>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, Schema>> };
};

export type Operation = {
  readonly surface: string;
  readonly document: OpenDocument;
  /** `GET /cameras/{id}`, without a base. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly bases: readonly string[];
  /** Undefined: open to everybody, or guarded by something else than a token. */
  readonly scope: Scope | undefined;
  readonly guard: string | undefined;
  readonly parameters: readonly OpenParameter[];
  /** Schemas of its body, by content type. */
  readonly bodies: Content;
  readonly responses: Written["responses"];
  /** Of a socket: the subprotocols it understands. */
  readonly protocols: readonly string[] | undefined;
};

const API = fileURLToPath(new URL("../../api/", import.meta.url));

/** Every folder of api/ is a surface. One whose document is not served makes `readDocuments` throw. */
const surfaceNames = (): readonly string[] =>
  readdirSync(API, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();

/** From a server at `url`. Throws where a surface has no document, or one without operations. */
export const readDocuments = async (url: string): Promise<ReadonlyMap<string, OpenDocument>> => {
  const documents = new Map<string, OpenDocument>();
  for (const name of surfaceNames()) {
    const answer = await fetch(`${url}/openapi/${name}.json`);
    if (!answer.ok) throw new Error(`the surface ${name} has no document: ${answer.status}`);
    const document = (await answer.json()) as OpenDocument;
    if (Object.keys(document.paths).length === 0) throw new Error(`the document of ${name} is empty`);
    documents.set(name, document);
  }
  return documents;
};

const isScope = (name: string | undefined): name is Scope => (scopes as readonly (string | undefined)[]).includes(name);

/** Throws for a route whose security cannot be read: it would be taken for an open one. */
const guardOf = (name: string, security: Written["security"]): Pick<Operation, "scope" | "guard"> => {
  if (security === undefined) throw new Error(`${name} does not say who may`);
  const [wanted] = security;
  if (wanted === undefined) return { scope: undefined, guard: undefined };
  const [[guard, [scope] = []] = []] = Object.entries(wanted);
  if (guard !== "bearer") return { scope: undefined, guard };
  // A grant is given out by us, for one address: a token is what is tried here.
  if (security.slice(1).some((other) => !("grant" in other)) || !isScope(scope)) throw new Error(`${name} names no scope that there is`);
  return { scope, guard };
};

const operationsOf = (surface: string, document: OpenDocument): readonly Operation[] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, written]): Operation => {
      const name = `${method.toUpperCase()} ${path}`;
      return {
        surface,
        document,
        name,
        method: method.toUpperCase(),
        path,
        bases: document.servers.map(({ url }) => url),
        ...guardOf(name, written.security),
        parameters: written.parameters ?? [],
        bodies: written.requestBody?.content ?? {},
        responses: written.responses,
        protocols: written["x-websocket"]?.protocols,
      };
    }),
  );

export const operationsIn = (documents: ReadonlyMap<string, OpenDocument>): readonly Operation[] =>
  [...documents].flatMap(([surface, document]) => operationsOf(surface, document));

/** The operation's path with `id` wherever it has a parameter. */
export const pathWith = ({ bases: [base = ""], path }: Operation, id: string): string =>
  base + path.replaceAll(/\{\w+\}/g, encodeURIComponent(id));
