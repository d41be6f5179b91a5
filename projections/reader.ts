/**
 * The warehouse as a question sees it: bound to one tenant. It gives each statement its tenant, and refuses one in which a table is
 * read without it, so that a question which forgot is a defect that its first test meets, not a leak.
 *
 * What keeps the books reads across tenants by its nature, on the warehouse itself: marks, versions, claims, wishes, the counting and
 * building of tables (marks.ts, claims.ts, elsewhere.ts, open.ts, resume.ts, rebuild.ts). None of that reaches an answer.
 */
import type { Param, Warehouse } from "../domain/ports.ts";

export type Reader = {
  readonly tenant: string;
  /** Throws AdapterError; Error for a statement that is not of one tenant. */
  select<R>(sql: string, params: Readonly<Record<string, Param>>): Promise<readonly R[]>;
};

/** Statements found right: they are texts of our code, a few dozen in all. */
const known = new Set<string>();

export const readerOf = (warehouse: Pick<Warehouse, "select">, tenant: string): Reader => ({
  tenant,
  select: async (sql, params) => {
    if (tenant === "" || "tenant" in params) throw new Error("a question's tenant is the reader's, and is said there only");
    if (!known.has(sql)) {
      const fault = faultOf(sql);
      if (fault !== undefined) throw new Error(`a statement is not of one tenant: ${fault} in ${sql}`);
      known.add(sql);
    }
    return warehouse.select(sql, { ...params, tenant });
  },
});

const OF_TENANT = "tenant = {tenant}";

/** What hides from a look at the text how tables are read, or under another name: our statements do without. */
const HIDING: readonly (readonly [RegExp, string])[] = [
  [/--|\/\*|["`;?]/, "a comment, a quoted name or a second statement"],
  [/\bAS tenant\b|\btenant ->/i, "another meaning of tenant"],
  [/\bJOIN\b|\bPREWHERE\b/i, "a JOIN or PREWHERE"],
  [/\bIN (?![({])/i, "a table after IN"],
  [/\b(joinGet|dict[A-Z]\w*)/, "a function that reads a table"],
];

/**
 * Why a statement may not be sent. It is cut into its SELECTs, and each that reads a table must have the tenant as one of the conditions
 * that all hold: nothing but AND at their own level. What a WITH has named is no table: it was cut out and is looked at by itself.
 */
const faultOf = (sql: string): string | undefined => {
  const bare = sql
    .replace(/'(?:[^'\\]|\\.|'')*'/g, "''")
    .replace(/\{(\w+):[^{}]*\}/g, "{$1}")
    .replace(/\s+/g, " ");
  for (const [pattern, what] of HIDING) if (pattern.test(bare)) return what;
  return faultIn(bare, new Set());
};

const faultIn = (text: string, named: ReadonlySet<string>): string | undefined => {
  const { outer, inner } = cut(text);
  const names = new Set([...named, ...[...outer.matchAll(/(?:\bWITH|,) (\w+) AS \(\)/g)].map(([, name]) => name as string)]);
  for (const select of outer.split(/\bUNION (?:ALL|DISTINCT)\b|\bINTERSECT\b|\bEXCEPT\b/)) {
    const fault = faultOfSelect(select, names);
    if (fault !== undefined) return fault;
  }
  for (const part of inner) {
    const fault = faultIn(part, names);
    if (fault !== undefined) return fault;
  }
  return undefined;
};

/** The text without what stands in brackets, and what stands there. */
const cut = (text: string): { readonly outer: string; readonly inner: readonly string[] } => {
  const inner: string[] = [];
  let outer = "";
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const sign = text[i];
    if (sign === "(" && depth++ === 0) from = i + 1;
    if (sign === ")" && --depth === 0) {
      inner.push(text.slice(from, i));
      outer += "()";
    } else if (depth === 0) outer += sign;
  }
  return { outer, inner };
};

/** Where another part of a SELECT begins. */
const CLAUSE = /\b(?:WHERE|GROUP BY|HAVING|WINDOW|QUALIFY|ORDER BY|LIMIT|SETTINGS)\b/i;

const faultOfSelect = (select: string, names: ReadonlySet<string>): string | undefined => {
  const [, ...sources] = select.split(/\bFROM /i);
  if (sources.length === 0) return undefined;
  if (sources.length > 1) return "more than one FROM";
  const [, source = "", rest = ""] = /^(\(\)|[\w.]+)(.*)$/.exec(sources[0] as string) ?? [];
  const [before = ""] = rest.split(CLAUSE);
  if (before.includes(",") || before.includes("(")) return `tables side by side or a function after ${source}`;
  if (source === "()" || names.has(source)) return undefined;
  const [where = ""] = (rest.split(/\bWHERE\b/i)[1] ?? "").split(CLAUSE);
  if (/\bX?OR\b/i.test(where)) return `an OR beside the tenant of ${source}`;
  return where.split(/\bAND\b/i).some((one) => one.trim() === OF_TENANT) ? undefined : `${source} without ${OF_TENANT}`;
};
