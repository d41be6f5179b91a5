/** docs/scopes.md: every route against every scope, made from the OpenAPI documents. Written by `npm run scopes`; a test compares. */
import { type Scope, scopes } from "../../api/caller.ts";
import type { Operation } from "./documents.ts";

const HEAD = `# Who may call what

Made from the OpenAPI documents by \`npm run scopes\`; do not edit. While tokens are on, a route is let in to whoever shows a token with the
scope marked here: a token without it is answered 403, which names the scope, and no token 401. While tokens are off every scope holds.
An open route asks for no token; one marked _basic_ wants the user and password of \`TALLYWIRE_METRICS_AUTH\`, and where none is set it
answers on loopback only; one with \`{grant}\` is opened by its address, which is sealed. \`WS\` is a socket. \`/healthz\`, \`/readyz\`, the
OpenAPI documents and their pages stand at the root and are open; \`/metrics\` there is guarded as the one below.
`;

const cell = (operation: Operation, scope: Scope): string => (operation.scope === scope ? "yes" : "");
const openness = ({ scope, guard }: Operation): string => (scope !== undefined ? "" : (guard ?? "open"));

type Row = readonly string[];
const centred = (text: string, width: number): string => text.padStart(text.length + Math.floor((width - text.length) / 2)).padEnd(width);
const line = (cells: Row): string => `| ${cells.join(" | ")} |`;

/** In columns, the first to the left: as our formatter leaves it. */
const inColumns = (head: Row, rows: readonly Row[]): string => {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((cells) => (cells[at] ?? "").length)));
  const laid = (cells: Row): string =>
    line(cells.map((text, at) => (at === 0 ? text.padEnd(widths[at] ?? 0) : centred(text, widths[at] ?? 0))));
  const rule = widths.map((width, at) => (at === 0 ? "-".repeat(width) : `:${"-".repeat(width - 2)}:`));
  return [laid(head), line(rule), ...rows.map(laid)].join("\n");
};

const table = (operations: readonly Operation[]): string =>
  inColumns(
    ["Route", ...scopes.map((scope) => `\`${scope}\``), "Without a token"],
    operations.map((operation) => {
      const [base = ""] = operation.bases;
      const method = operation.protocols === undefined ? operation.method : "WS";
      return [`\`${method} ${base}${operation.path}\``, ...scopes.map((scope) => cell(operation, scope)), openness(operation)];
    }),
  );

const section = (surface: string, operations: readonly Operation[]): string => {
  const [, ...others] = operations[0]?.bases ?? [];
  const also = others.length === 0 ? "" : `Also under ${others.map((base) => `\`${base}\``).join(", ")}.\n\n`;
  return `## ${surface}\n\n${also}${table(operations)}\n`;
};

/** The whole file. */
export const scopesText = (operations: readonly Operation[]): string => {
  const surfaces = [...new Set(operations.map(({ surface }) => surface))];
  const sections = surfaces.map((surface) =>
    section(
      surface,
      operations.filter((operation) => operation.surface === surface),
    ),
  );
  return [HEAD, ...sections].join("\n");
};
