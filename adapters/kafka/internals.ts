/**
 * What we use of the inside of kafkajs (its version is pinned), all of it here: connections, authentication, metadata, the encoding of
 * requests. The log does without its consumers and producers (docs/adr/0006-a-kafka-client-of-our-own.md); topics of others are read
 * with the consumer it offers to everybody.
 */
import { createRequire } from "node:module";
import type { Socket } from "node:net";

const require = createRequire(import.meta.url);

/** Bytes of ours where kafkajs expects its encoder. */
export type Payload = { readonly buf: Buffer; readonly buffer: Buffer };
export const payload = (bytes: Buffer): Payload => ({ buf: bytes, buffer: bytes });

/** A request's payload and what to make of its answer. `requestTimeout`: milliseconds, where longer than the connection's. */
export type Protocol<T> = {
  readonly request: { readonly apiKey: number; readonly apiVersion: number; readonly apiName: string; encode(): Promise<Payload> };
  readonly response: { decode(answer: Buffer): Promise<T>; parse(decoded: T): Promise<T> };
  readonly requestTimeout?: number;
};

type OffsetsAnswer = { readonly responses: readonly { readonly partitions: readonly { readonly offset: string }[] }[] };
type Entries = readonly { readonly configName: string; readonly configValue: string | null }[];
export type GroupMember = { readonly memberId: string; readonly memberMetadata: Buffer };
type TxnIdentity = { readonly transactionalId: string; readonly producerId: string; readonly producerEpoch: number };

export interface Broker {
  readonly nodeId: number;
  readonly connectionPool: { send<T>(what: Protocol<T>): Promise<T> };
  metadata(topics: readonly string[]): Promise<{
    readonly brokers: readonly { readonly nodeId: number }[];
    readonly topicMetadata: readonly { readonly topic: string; readonly partitionMetadata: readonly { readonly leader: number }[] }[];
  }>;
  listOffsets(what: {
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly timestamp: number }[];
    }[];
  }): Promise<OffsetsAnswer>;
  deleteRecords(what: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<unknown>;
  createTopics(what: {
    readonly topics: readonly {
      readonly topic: string;
      readonly numPartitions: number;
      readonly replicationFactor: number;
      readonly configEntries: readonly { readonly name: string; readonly value: string }[];
    }[];
    readonly timeout: number;
  }): Promise<unknown>;
  describeConfigs(what: {
    readonly resources: readonly { readonly type: 2; readonly name: string }[];
  }): Promise<{ readonly resources: readonly { readonly resourceName: string; readonly configEntries: Entries }[] }>;
  findGroupCoordinator(what: {
    readonly groupId: string;
    readonly coordinatorType: 0 | 1;
  }): Promise<{ readonly coordinator: { readonly nodeId: number } }>;
  joinGroup(what: {
    readonly groupId: string;
    readonly sessionTimeout: number;
    readonly rebalanceTimeout: number;
    readonly memberId: string;
    readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
  }): Promise<{
    readonly generationId: number;
    readonly leaderId: string;
    readonly memberId: string;
    readonly members: readonly GroupMember[];
  }>;
  syncGroup(what: {
    readonly groupId: string;
    readonly generationId: number;
    readonly memberId: string;
    readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
  }): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(what: { readonly groupId: string; readonly groupGenerationId: number; readonly memberId: string }): Promise<unknown>;
  leaveGroup(what: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
  addPartitionsToTxn(
    what: TxnIdentity & { readonly topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[] },
  ): Promise<unknown>;
  addOffsetsToTxn(what: TxnIdentity & { readonly groupId: string }): Promise<unknown>;
  txnOffsetCommit(
    what: TxnIdentity & {
      readonly groupId: string;
      readonly topics: readonly {
        readonly topic: string;
        readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
      }[];
    },
  ): Promise<unknown>;
  endTxn(what: TxnIdentity & { readonly transactionResult: boolean }): Promise<unknown>;
}

export interface Cluster {
  readonly targetTopics: Set<string>;
  readonly brokerPool: { findConnectedBroker(): Promise<Broker> };
  connect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  findBroker(who: { readonly nodeId: number }): Promise<Broker>;
}

type Logger = object;
type ClusterOptions = {
  readonly logger: Logger;
  readonly socketFactory: (to: {
    readonly host: string;
    readonly port: number;
    readonly ssl: object | undefined;
    onConnect(): void;
  }) => Socket;
  readonly brokers: readonly string[];
  readonly ssl: object | undefined;
  readonly sasl: object | undefined;
  readonly clientId: string;
  readonly connectionTimeout: number;
  readonly authenticationTimeout: number;
  readonly requestTimeout: number;
  readonly enforceRequestTimeout: true;
  readonly metadataMaxAge: number;
  readonly retry: { readonly retries: number };
  readonly allowAutoTopicCreation: false;
};

export const ClusterOf = require("kafkajs/src/cluster") as new (options: ClusterOptions) => Cluster;
export const errorOf = (require("kafkajs/src/protocol/error") as { createErrorFromCode(code: number): Error & { type: string } })
  .createErrorFromCode;
export const createLogger = (
  require("kafkajs/src/loggers") as {
    createLogger(how: { level: number; logCreator: () => (entry: { readonly log: { readonly message: string } }) => void }): Logger;
  }
).createLogger;
export const { MemberAssignment, MemberMetadata } = require("kafkajs/src/consumer/assignerProtocol") as {
  readonly MemberMetadata: {
    encode(what: { readonly version: number; readonly topics: readonly string[]; readonly userData: Buffer }): Buffer;
    decode(metadata: Buffer): { readonly userData: Buffer | null };
  };
  readonly MemberAssignment: {
    encode(what: { readonly version: number; readonly assignment: Readonly<Record<string, readonly number[]>> }): Buffer;
    decode(assignment: Buffer): { readonly assignment: Readonly<Record<string, readonly number[]>> } | null;
  };
};

/**
 * kafkajs makes a timer after every answer, with a negative delay where nothing waits: a warning of Node's, and one callback a request for
 * nothing. Requests that wait still get theirs.
 */
type Queue = { readonly pending: readonly unknown[]; scheduleCheckPendingRequests(): void };
const queue = (require("kafkajs/src/network/requestQueue") as { readonly prototype: Queue }).prototype;
const schedule = queue.scheduleCheckPendingRequests;
queue.scheduleCheckPendingRequests = function (this: Queue): void {
  if (this.pending.length > 0) schedule.call(this);
};
