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

/** What hides from a look at the text how tables are read, or gives words another meaning: our statements do without. */
const HIDING: readonly (readonly [RegExp, string])[] = [
  [/[^ -~]|--|\/[*/]|[#$\\"'`;?]/, "a comment, a quoted name, an odd sign or a second statement"],
  [/\{(?!tenant\})|\{tenant\}(?<! tenant = \{tenant\})/, "another parameter or the tenant as another type"],
  [/\btenant\b(?<!\{tenant)(?<! WHERE tenant(?= = \{tenant\}))(?<!\bSELECT tenant(?=,))/i, "another use or meaning of tenant"],
  [/\b(?:JOIN|PREWHERE|INTO|INSERT|SETTINGS|FORMAT)\b/i, "a JOIN, PREWHERE, INTO, SETTINGS or FORMAT"],
  [/\bin\b|\bIN (?!@|\(SELECT )|\b(?:not|null|global)\w*In\w* ?\(/, "IN with what may be a table"],
  [/\bFROM ?\((?!SELECT |WITH )/i, "a FROM with brackets around no SELECT"],
  [/\b(?:joinGet|dict[A-Z]|file\b)/, "a function that reads a table or a file"],
];

/**
 * Why a statement may not be sent. It is cut into its SELECTs, and each that reads a table must say `FROM table WHERE tenant = …` in these
 * very words, then nothing but AND at its own level: no OR, and nothing that takes an AND for its own. What a WITH has named is no table:
 * it was cut out and is looked at by itself.
 */
const faultOf = (sql: string): string | undefined => {
  const bare = sql
    .replace(/'(?:[^'\\]|\\[\s\S]|'')*'/g, "@")
    .replace(/\{(?!tenant:)\w+:(?![^{}]*Identifier)[^{}]*\}/g, "@")
    .replaceAll("{tenant:String}", "{tenant}")
    .replaceAll("[", "(")
    .replaceAll("]", ")")
    .replace(/\s+/g, " ")
    .replaceAll("( ", "(")
    .trim();
  for (const [pattern, what] of HIDING) if (pattern.test(bare)) return what;
  return BEGINS.test(bare) ? faultIn(bare, new Set()) : "something that is no SELECT";
};

const BEGINS = /^(?:SELECT|WITH) /i;

const faultIn = (text: string, known: ReadonlySet<string>): string | undefined => {
  const parts = cut(text);
  if (parts === undefined) return "a bracket without its other half";
  const { outer, inner } = parts;
  // A name is one from its own brackets on, and never before or within them.
  const [start = ""] = /^WITH .*? (?=SELECT )/.exec(outer) ?? [];
  const given = [...start.matchAll(/(?:^WITH|,) (\w+) AS \(\)/g)].map((match) => ({
    name: match[1] as string,
    from: start.slice(0, match.index + match[0].length).split("()").length - 1,
  }));
  const namesAt = (place: number) => new Set([...known, ...given.filter(({ from }) => from <= place).map(({ name }) => name)]);

  const selects = outer.split(/\b(?:UNION(?: ALL| DISTINCT)?|INTERSECT|EXCEPT)\b/i).map((one) => one.trim());
  for (const [i, select] of selects.entries()) {
    if (selects.length > 1 && !BEGINS.test(select)) return "a union of something that is no SELECT";
    const fault = faultOfSelect(select, i === 0 ? namesAt(inner.length) : known);
    if (fault !== undefined) return fault;
  }
  for (const [i, part] of inner.entries()) {
    const fault = faultIn(part, namesAt(i));
    if (fault !== undefined) return fault;
  }
  return undefined;
};

/** The text without what stands in brackets, and what stands there. Undefined where they do not match. */
const cut = (text: string): { readonly outer: string; readonly inner: readonly string[] } | undefined => {
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
    if (depth < 0) return undefined;
  }
  return depth === 0 ? { outer, inner } : undefined;
};

/** Whose rows, and what may follow. */
const OF_TENANT = /^(?: AS \w+)? WHERE tenant = \{tenant\}(?= (?:AND|GROUP BY|HAVING|ORDER BY|LIMIT) |$)/;
/** These take an AND beside them for their own, or leave it without effect. */
const LOOSE = /\b(?:X?OR|BETWEEN|CASE|WHERE)\b|->/i;

const faultOfSelect = (select: string, names: ReadonlySet<string>): string | undefined => {
  const [before = "", ...sources] = select.split(/\bFROM\b/i);
  if (sources.length === 0) return undefined;
  if (sources.length > 1) return "more than one FROM";
  if (!BEGINS.test(before)) return "a FROM without its SELECT";
  const [, source = "", rest = ""] = /^ ?(\(\)|\w+)(.*)$/.exec(sources[0] as string) ?? [];
  if (source === "()" || names.has(source))
    return /^(?: (?:WHERE|GROUP BY|ORDER BY|LIMIT) |$)/.test(rest) ? undefined : `something after ${source}`;
  const after = rest.replace(OF_TENANT, "");
  if (after === rest) return `${source} without its tenant`;
  return LOOSE.test(after) ? `an OR, BETWEEN or CASE beside the tenant of ${source}` : undefined;
};
