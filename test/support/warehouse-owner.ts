/** A process that owns an embedded warehouse until it is killed; says its engine's process id. */
import { embedded } from "./warehouse.ts";

const { warehouse } = await embedded(process.argv[2] as string);
await warehouse.define(["CREATE TABLE IF NOT EXISTS kept (n Int64) ENGINE = MergeTree ORDER BY n"]);
await warehouse.insert("kept", [{ n: 1 }], "");
process.stdout.write(`${warehouse.pid()}\n`);
setInterval(() => undefined, 1000);
