/** `npm run scopes`: writes docs/scopes.md from the documents of the routes that there are. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FakeCore } from "../support/core.ts";
import { serveCore } from "../support/surface.ts";
import { operationsIn, readDocuments } from "./documents.ts";
import { scopesText } from "./scopes-table.ts";

const served = await serveCore(new FakeCore());
writeFileSync(fileURLToPath(new URL("../../docs/scopes.md", import.meta.url)), scopesText(operationsIn(await readDocuments(served.url))));
await served.close();
