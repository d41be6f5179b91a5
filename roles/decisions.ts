/** Roles ingest and api: decisions about cameras are stored, and copied into the facts. Several relays copy the same; engines take each once. */
import { randomUUID } from "node:crypto";
import { cameraDecider } from "../domain/camera-decider.ts";
import { partitionOf } from "../domain/ids.ts";
import type { EventStore } from "../domain/ports.ts";
import { type Cameras, createCameras } from "../ingest/decide.ts";
import { createRelay } from "../ingest/relay.ts";
import type { World } from "./world.ts";

export type Decisions = {
  readonly cameras: Cameras;
  /** The relay: ends when stopped. */
  readonly done: Promise<void>;
};

export const startDecisions = (store: EventStore, { logs: { facts }, clock, journal, stop }: World): Decisions => {
  const relay = createRelay({ store, facts, clock, journal });
  const cameras = createCameras({
    store,
    relay,
    decider: cameraDecider,
    clock,
    ids: randomUUID,
    partitionOf: (tenant, camera) => partitionOf(tenant, camera, facts.partitions),
  });
  return { cameras, done: relay.run(stop) };
};
