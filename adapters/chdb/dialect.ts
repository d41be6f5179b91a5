/** What a request of ClickHouse's HTTP dialect asks of the embedded engine. Pure: text in, statement out. */

type Settings = ReadonlyMap<string, string>;
export type Insert = { readonly kind: "insert"; readonly table: string; readonly rows: Buffer; readonly settings: Settings };
export type Query = {
  /** `define`: everything that is no question. */
  readonly kind: "ask" | "define";
  readonly text: string;
  readonly format: string;
  readonly params: ReadonlyMap<string, string>;
  readonly settings: Settings;
};
export type Statement = Insert | Query;

/** What the client puts into the address besides settings. */
const NOT_SETTINGS = new Set(["query", "query_id", "database", "session_id", "role", "default_format", "wait_end_of_query"]);
const FORMAT = /\s+FORMAT\s+(\w+)\s*;?\s*$/i;
const INSERT = /^\s*INSERT\s+INTO\s+([\w.]+)\s+FORMAT\s+JSONEachRow\s*$/i;
const PLACEHOLDER = /\{(\w+):\s*([^{}]+)\}/g;

export const statementOf = (url: URL, body: Buffer): Statement => {
  const settings = new Map<string, string>();
  const params = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (name.startsWith("param_")) params.set(name.slice("param_".length), value);
    else if (!NOT_SETTINGS.has(name)) settings.set(name, value);
  }
  const inAddress = url.searchParams.get("query");
  const insert = INSERT.exec(inAddress ?? "");
  if (insert !== null) return { kind: "insert", table: insert[1] as string, rows: body, settings };
  const whole = `${inAddress ?? ""}${body.toString("utf8")}`;
  const format = FORMAT.exec(whole)?.[1] ?? url.searchParams.get("default_format") ?? "TabSeparated";
  const text = whole.replace(FORMAT, "").replace(/[\s;]+$/, "");
  return { kind: /^\s*(SELECT|WITH)\b/i.test(text) ? "ask" : "define", text, format, params, settings };
};

/** Settings stand in the statement itself and end with it. Definitions take none: not all of them have a place for settings. */
export const textWithSettings = ({ kind, text, settings }: Query): string => {
  if (kind === "define" || settings.size === 0) return text;
  const list = [...settings].map(([name, value]) => {
    if (!/^\w+$/.test(name)) throw new Error(`${name} is no name of a setting`);
    return `${name} = ${/^\d+$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`}`;
  });
  return `${text}\nSETTINGS ${list.join(", ")}`;
};

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f", 0: "\0" };
const unescaped = (text: string): string => text.replace(/\\(.)/gs, (_, letter: string) => ESCAPES[letter] ?? letter);

/** `[1,-2]` or `['a','b\'c']`, as the client writes arrays. */
const arrayOf = (text: string): (string | number)[] => {
  const element = /\s*(?:'((?:[^'\\]|\\.)*)'|(-?[\d.]+(?:e[+-]?\d+)?))\s*(,|$)/gsy;
  if (!text.startsWith("[") || !text.endsWith("]")) throw new Error("an array is missing its brackets");
  const inner = text.slice(1, -1);
  const out: (string | number)[] = [];
  while (element.lastIndex < inner.length) {
    const at = element.lastIndex;
    const found = element.exec(inner);
    if (found === null) throw new Error(`not an element of an array, at character ${at + 1}`);
    out.push(found[1] === undefined ? Number(found[2]) : unescaped(found[1]));
  }
  return out;
};

/** Values as the library binds them: it escapes strings once more by itself, and writes arrays as literals. */
export const boundParams = ({ text, params }: Query): Record<string, string | (string | number)[]> => {
  const out: Record<string, string | (string | number)[]> = {};
  for (const [, name, type] of text.matchAll(PLACEHOLDER)) {
    const value = params.get(name as string);
    if (value === undefined) throw new Error(`the placeholder ${name} has no value`);
    out[name as string] = type?.startsWith("Array(") ? arrayOf(value) : unescaped(value);
  }
  return out;
};
