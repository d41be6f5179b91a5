/**
 * A fake KurrentDB: a gRPC server of ours in this process, on the client's own generated code. It is no KurrentDB. It knows appending,
 * reading streams, filtered subscriptions to `$all`, gossip, `$maxCount` and `$tb`, by the rules the real server has for them, keeps all
 * in memory, knows one user at most, and has faults on command.
 *
 *   const fake = await startFakeKurrentDb();
 *   fake.url                                     // "kurrentdb://127.0.0.1:PORT?tls=false"
 *   fake.faults.answersToLose = 1;               // see Faults in kurrentdb/services.ts
 *   fake.dropConnections(); await fake.down(); await fake.up();
 *   await fake.stop();
 */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import gossip from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/gossip_grpc_pb.js";
import features from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/serverfeatures_grpc_pb.js";
import streams from "@kurrent/kurrentdb-client/generated/kurrentdb/protocols/v1/streams_grpc_pb.js";
import { ANY, Ledger } from "./kurrentdb/ledger.ts";
import { type Faults, featuresOf, gossipOf, streamsOf } from "./kurrentdb/services.ts";

export { Ledger } from "./kurrentdb/ledger.ts";

export type FakeKurrentDb = {
  readonly url: string;
  readonly port: number;
  readonly ledger: Ledger;
  readonly faults: Faults;
  /** Names of the calls that came, in order: `append`, `read`, `subscribe`. */
  readonly calls: string[];
  /** What others write beside us, as JSON. */
  write(stream: string, type: string, data: unknown, metadata?: unknown): void;
  /** Every connection is lost at once; new ones are taken. */
  dropConnections(): void;
  /** Nothing listens any more; what was written stays. */
  down(): Promise<void>;
  /** On the same port as before. */
  up(): Promise<void>;
  stop(): Promise<void>;
};

export type FakeOptions = {
  /** One given to several makes them nodes of one cluster. */
  readonly ledger?: Ledger;
  /** PEM. Without it, it speaks without TLS. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer };
  /** `user:password`; who comes without is refused. */
  readonly account?: string;
};

export const startFakeKurrentDb = async ({ ledger = new Ledger(), tls, account }: FakeOptions = {}): Promise<FakeKurrentDb> => {
  const faults: Faults = {
    latencyMs: 0,
    hangs: new Set(),
    leader: undefined,
    answersToLose: 0,
    notReady: 0,
    maxAppendSize: 1024 * 1024,
    forbidden: [],
  };
  const calls: string[] = [];
  let port = 0;
  let server: Server | undefined;
  const dropConnections = (): void => server?.drain(`127.0.0.1:${port}`, 0);
  const house = { ledger, faults, calls, account, dropConnections, address: () => ({ host: "127.0.0.1", port }) };
  const credentials =
    tls === undefined
      ? ServerCredentials.createInsecure()
      : ServerCredentials.createSsl(null, [{ cert_chain: tls.cert, private_key: tls.key }]);
  const up = async (): Promise<void> => {
    const started = new Server({ "grpc.max_receive_message_length": -1 });
    started.addService(streams.StreamsService, streamsOf(house));
    started.addService(gossip.GossipService, gossipOf(house));
    started.addService(features.ServerFeaturesService, featuresOf());
    port = await new Promise((resolve, reject) =>
      started.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error))),
    );
    server = started;
  };
  const down = async (): Promise<void> => {
    server?.forceShutdown();
    server = undefined;
  };
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  await up();
  return {
    url: `kurrentdb://127.0.0.1:${port}?tls=${tls !== undefined}`,
    port,
    ledger,
    faults,
    calls,
    write: (stream, type, data, metadata = {}) => {
      ledger.append(stream, ANY, [{ id: crypto.randomUUID(), type, json: true, data: bytes(data), metadata: bytes(metadata) }]);
    },
    dropConnections,
    down,
    up,
    stop: down,
  };
};
