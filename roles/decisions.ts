/** Roles ingest, api and video: decisions are stored, and those about cameras copied into the facts. Several relays copy the same; engines take each once. */
import { randomUUID } from "node:crypto";
import type { Folding } from "../domain/fold.ts";
import { partitionOf } from "../domain/ids.ts";
import type { Decided, EventStore } from "../domain/ports.ts";
import type { Registry } from "../domain/registry.ts";
import { type Audit, createAudit } from "../ingest/audit.ts";
import type { Urls } from "../ingest/camera-url.ts";
import { type Cameras, createCameras } from "../ingest/decide.ts";
import { countOlderKeys } from "../ingest/older-keys.ts";
import { createRegistry } from "../ingest/registry.ts";
import { createRelay } from "../ingest/relay.ts";
import type { World } from "./world.ts";

export type Decisions = {
  readonly cameras: Cameras;
  readonly registry: Registry;
  readonly audit: Audit;
  /** For streams of others. */
  readonly folding: Folding;
  /** The relay: ends when stopped. */
  readonly done: Promise<void>;
};

export const startDecisions = (
  store: EventStore,
  urls: Urls,
  { logs: { facts }, limits, sensors, clock, journal, meter, stop }: World,
  /** Told of each decision of the store, the oldest first. */
  hear: (event: Decided) => void = () => undefined,
): Decisions => {
  const audit = createAudit(store);
  const countKeys = countOlderKeys(urls.vault, meter);
  const tell = (event: Decided): void => {
    audit.note(event);
    countKeys(event);
    hear(event);
  };
  const relay = createRelay({ store, facts, clock, journal, tell });
  const folding = { store, relay, revision: relay.revision, clock, ids: randomUUID };
  const cameras = createCameras({
    ...folding,
    limits,
    sensors,
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, facts.partitions),
  });
  const registry = createRegistry({ ...folding, cameras, urls });
  return { cameras, registry, audit, folding, done: relay.run(stop) };
};
