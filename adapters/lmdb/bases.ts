/** Bases in LMDB: where bounded replays start. Ordered by camera, then instant of arrival. */
import type { CameraKey, Instant } from "../../domain/envelope.ts";
import type { Base, Position } from "../../domain/ports.ts";
import { packJson, unpackJson } from "../codec.ts";
import { cameraDigest } from "./derived.ts";
import type { Environment, Group, Table } from "./environment.ts";
import { checked } from "./records.ts";

/** Instants as texts of one length sort as they should. */
const stamp = (at: Instant): string => String(Math.min(Math.max(0, Math.floor(at)), Number.MAX_SAFE_INTEGER)).padStart(16, "0");

export class LmdbBases {
  readonly #environment: Environment;
  readonly #table: Table;

  constructor(environment: Environment, table: Table) {
    this.#environment = environment;
    this.#table = table;
  }

  put(base: Base): Promise<void> {
    const key = `${cameraDigest(base)}/${stamp(base.at)}`;
    return this.#environment.write((group) => {
      group.put(this.#table, key, packJson("base", base));
      return () => undefined;
    });
  }

  before(camera: CameraKey, at: Instant): Base | undefined {
    if (at < 0) return undefined;
    const digest = cameraDigest(camera);
    for (const key of this.#table.getKeys({ start: `${digest}/${stamp(at)}`, end: `${digest}/`, reverse: true, limit: 1 }))
      return this.#read(key);
    return undefined;
  }

  /** A base before `position` cannot be replayed from once facts of its camera between the two are gone. */
  dropBefore(group: Group, camera: CameraKey, position: Position): void {
    const digest = cameraDigest(camera);
    for (const key of this.#table.getKeys({ start: `${digest}/`, end: `${digest}/~` })) {
      const base = this.#read(key);
      if (base === undefined || base.position >= position) break;
      group.remove(this.#table, key);
    }
  }

  #read(key: string | number): Base | undefined {
    const stored = this.#table.getBinary(key);
    return stored === undefined ? undefined : checked(this.#environment, `bases/${key}`, () => unpackJson<Base>("base", stored));
  }
}
