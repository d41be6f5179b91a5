/** An OpenAPI document as a page to read: rendered here, without a script and without anything from elsewhere. */
import { html, raw } from "hono/html";

type Schema = { readonly $ref?: string };
type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: object;
};
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
type Operation = {
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Content };
  readonly responses?: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
};
type Document = {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, object>> };
};

const style =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}pre{background:#8881;padding:.8rem;overflow:auto}code{font-size:.95em}h3{border-top:1px solid #8884;padding-top:1rem}:root{color-scheme:light dark}";

export const referencePage = (document: object) => {
  const { info, paths = {}, components } = document as Document;
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${info.title}</title><style>${raw(style)}</style></head><body>
<h1>${info.title} <small>${info.version}</small></h1><p>${info.description ?? ""}</p><h2>Paths</h2>
${Object.entries(paths).flatMap(([path, operations]) => Object.entries(operations).map(([method, it]) => operation(method, path, it)))}
<h2>Schemas</h2>
${Object.entries(components?.schemas ?? {}).map(
  ([name, schema]) => html`<h3 id="${name}">${name}</h3><pre>${JSON.stringify(schema, undefined, 2)}</pre>`,
)}
</body></html>`;
};

const operation = (method: string, path: string, { summary, parameters = [], requestBody, responses = {} }: Operation) => html`
<h3><code>${method.toUpperCase()} ${path}</code></h3><p>${summary ?? ""}</p>
${parameters.length === 0 ? "" : html`<table><tr><th>Parameter</th><th>In</th><th>Schema</th><th></th></tr>${parameters.map(parameterRow)}</table>`}
${requestBody === undefined ? "" : html`<p>Body: ${contents(requestBody.content)}</p>`}
<table>${Object.entries(responses).map(
  ([status, { description, content }]) => html`<tr><td>${status}</td><td>${description ?? ""}</td><td>${contents(content)}</td></tr>`,
)}</table>`;

const parameterRow = ({ name, in: place, required, description, schema }: Parameter) => html`<tr>
<td><code>${name}</code>${required === true ? " (required)" : ""}</td><td>${place}</td><td><code>${JSON.stringify(schema ?? {})}</code></td><td>${description ?? ""}</td></tr>`;

const contents = (content: Content = {}) =>
  Object.entries(content).map(([type, { schema }]) => {
    const name = schema?.$ref?.split("/").at(-1);
    return html`<code>${type}</code> ${name === undefined ? "" : html`<a href="#${name}">${name}</a>`} `;
  });
