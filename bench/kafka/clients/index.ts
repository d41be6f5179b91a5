import type { BareClient } from "./client.ts";
import { openKafkajs } from "./kafkajs.ts";
import { openOurs } from "./ours.ts";
import { openPlatformatic } from "./platformatic.ts";

export const clients = { ours: openOurs, kafkajs: openKafkajs, platformatic: openPlatformatic } as const satisfies Record<
  string,
  (brokers: readonly string[]) => Promise<BareClient>
>;
export type ClientName = keyof typeof clients;
