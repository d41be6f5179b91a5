import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import kafkajs from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connectKafka } from "../../adapters/kafka/connect.ts";
import { connectKafkaLogs } from "../../adapters/log-kafka.ts";
import type { Access } from "../../domain/access.ts";
import { canStartKafka } from "../servers/for-tests.ts";
import { type RunningKafka, startKafka } from "../servers/kafka.ts";
import { freshTopic, openKafkajs, readAll, record, valuesOf } from "../support/kafka.ts";
import { noted, tempDir } from "../support/warehouse.ts";

const canStart = await canStartKafka("logging in to Kafka");
const PASSWORD = "canary-secret";

/** Authorities of our own, a certificate of the broker's and one of ours, all for a day. */
const certificates = (dir: string) => {
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { cwd: dir, stdio: ["ignore", "ignore", "pipe"] });
  const authority = (name: string) =>
    openssl(
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "1",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.pem`,
    );
  const issued = (name: string) => {
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.csr`);
    writeFileSync(join(dir, "names"), "subjectAltName=IP:127.0.0.1,DNS:localhost");
    openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      "1",
      "-extfile",
      "names",
      "-out",
      `${name}.pem`,
    );
  };
  authority("ca");
  authority("stranger");
  issued("broker");
  issued("client");
  const text = (name: string) => readFileSync(join(dir, name), "utf8");
  writeFileSync(join(dir, "broker-store.pem"), text("broker.key") + text("broker.pem"));
};

describe.skipIf(!canStart)("logging in to Kafka", () => {
  const { dir, remove } = tempDir();
  const at = (name: string) => join(dir, name);
  let kafka: RunningKafka;
  beforeAll(async () => {
    certificates(dir);
    const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="${PASSWORD}";`;
    const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
    const tls = (listener: string) => ({
      [`listener.name.${listener}.ssl.keystore.type`]: "PEM",
      [`listener.name.${listener}.ssl.keystore.location`]: at("broker-store.pem"),
    });
    kafka = await startKafka({
      heapMb: 512,
      listeners: { SASL: "SASL_PLAINTEXT", TLS: "SSL", MUTUAL: "SSL", BOTH: "SASL_SSL" },
      format: ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((name) => ["--add-scram", `${name}=[name=alice,password=${PASSWORD}]`]),
      properties: {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
        "super.users": "User:ANONYMOUS",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl.plain.sasl.jaas.config": plain,
        "listener.name.sasl.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
        ...tls("tls"),
        ...tls("mutual"),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.mutual.ssl.truststore.type": "PEM",
        "listener.name.mutual.ssl.truststore.location": at("ca.pem"),
        ...tls("both"),
        "listener.name.both.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.both.scram-sha-512.sasl.jaas.config": scram,
      },
    });
  }, 120_000);
  afterAll(async () => {
    await kafka.stop();
    remove();
  });

  const note = noted();
  const connect = (listener: string, login: string, search: string, access: Partial<Access> = {}) =>
    connectKafka({ url: `kafka://${login}127.0.0.1:${kafka.ports[listener]}/x${search}`, access, journal: note.journal });
  const works = async (connecting: ReturnType<typeof connect>) => {
    const client = await connecting;
    const topic = await freshTopic(client);
    await client.send([{ topic, records: [record("through")] }]);
    const writer = await client.transactional(topic);
    const transaction = await writer.begin();
    await transaction.send([{ topic, records: [record("and through")] }]);
    await transaction.commit();
    await writer.close();
    await expect.poll(async () => valuesOf(await readAll(client, topic))).toEqual(["through", "and through"]);
    await client.close();
  };

  it.each(["plain", "scram-sha-256", "scram-sha-512"] as const)(
    "works with a password shown by %s, from the URL or the settings",
    async (mechanism) => {
      await works(connect("SASL", `alice:${PASSWORD}@`, `?mechanism=${mechanism}`));
      await works(connect("SASL", "", "", { username: "alice", password: PASSWORD, mechanism }));
    },
  );

  it("works with TLS, where the authorities are known; with a certificate of our own; and with a password beside it", async () => {
    const ca = at("ca.pem");
    await works(connect("TLS", "", "?tls=true", { ca }));
    await works(connect("MUTUAL", "", "", { ca, cert: at("client.pem"), key: at("client.key") }));
    await works(connect("BOTH", `alice:${PASSWORD}@`, "?mechanism=scram-sha-512", { ca }));
  });

  it("works in the same way with kafkajs itself", async () => {
    const url = `kafka://alice:${PASSWORD}@127.0.0.1:${kafka.ports.BOTH}/x?tls=true&mechanism=scram-sha-512`;
    const admin = openKafkajs(url, at("ca.pem")).admin();
    await admin.connect();
    expect((await admin.describeCluster()).brokers).toHaveLength(1);
    await admin.disconnect();
  });

  it("with a wrong password, a mechanism that is not offered, or none is refused for good", async () => {
    const refused = (connecting: ReturnType<typeof connect>) =>
      expect(connecting).rejects.toMatchObject({ code: "unavailable", retryable: false });
    await refused(connect("SASL", "alice:wrong-canary@", "?mechanism=plain"));
    await refused(connect("SASL", "alice:wrong-canary@", "?mechanism=scram-sha-512"));
    await refused(connect("BOTH", `alice:${PASSWORD}@`, "?mechanism=plain", { ca: at("ca.pem") }));
  });

  it("to a broker whose certificate nobody vouches for is refused for good", async () => {
    await expect(connect("TLS", "", "?tls=true")).rejects.toMatchObject({ code: "unavailable", retryable: false });
    await expect(connect("TLS", "", "?tls=true", { ca: at("stranger.pem") })).rejects.toMatchObject({
      code: "unavailable",
      retryable: false,
    });
  });

  it("where a login is asked for and none given, or none is asked for, says what to look at", { timeout: 30_000 }, async () => {
    const [none, needless] = await Promise.allSettled([
      connect("SASL", "", ""),
      connectKafka({ url: `kafka://alice:${PASSWORD}@127.0.0.1:${kafka.port}/x`, journal: note.journal }),
    ]);
    const told = { code: "unavailable", retryable: true };
    const message = (words: RegExp): unknown => expect.stringMatching(words);
    expect(none).toMatchObject({ reason: { ...told, message: message(/^Connecting to Kafka: .*may ask for a login or for TLS/) } });
    expect(needless).toMatchObject({ reason: { ...told, message: message(/^Connecting to Kafka: .*may ask for no login/) } });
  });

  it("without the right to write to one topic of a transaction hears that at once, whichever topic it is", async () => {
    const client = await connect("SASL", `alice:${PASSWORD}@`, "");
    const admin = openKafkajs(kafka.url).admin();
    await admin.connect();
    const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
    const topics = [await freshTopic(client), await freshTopic(client), await freshTopic(client)];
    for (const resourceName of topics) {
      const denied = {
        ...{ resourceType: AclResourceTypes.TOPIC, resourceName, resourcePatternType: ResourcePatternTypes.LITERAL },
        ...{ principal: "User:alice", host: "*", operation: AclOperationTypes.WRITE, permissionType: AclPermissionTypes.DENY },
      };
      const allowed = { ...denied, operation: AclOperationTypes.DESCRIBE, permissionType: AclPermissionTypes.ALLOW };
      await admin.createAcls({ acl: [denied, allowed] });
      const writer = await client.transactional(`w-${resourceName}`);
      const writing = (await writer.begin()).send(topics.map((topic) => ({ topic, records: [record("x")] })));
      await expect(writing).rejects.toMatchObject({ code: "bad-query", message: expect.stringContaining("TOPIC_AUTHORIZATION_FAILED") });
      await writer.close();
      await admin.deleteAcls({ filters: [denied, allowed] });
    }
    await admin.disconnect();
    await client.close();
  });

  it("without the right to know how much is stored is told nothing, and the log warns that facts are not bounded by it", async () => {
    const url = `kafka://alice:${PASSWORD}@127.0.0.1:${kafka.ports.SASL}/bounded`;
    const told = noted();
    const logs = await connectKafkaLogs({ url, journal: told.journal, partitions: 1 });
    const client = await connectKafka({ url, journal: told.journal });
    expect(await client.bytes("bounded.facts")).toHaveLength(1);
    const admin = openKafkajs(kafka.url).admin();
    await admin.connect();
    const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
    const denied = {
      ...{ resourceType: AclResourceTypes.CLUSTER, resourceName: "kafka-cluster", resourcePatternType: ResourcePatternTypes.LITERAL },
      ...{ principal: "User:alice", host: "*", operation: AclOperationTypes.DESCRIBE, permissionType: AclPermissionTypes.DENY },
    };
    await admin.createAcls({ acl: [denied] });
    await expect.poll(() => client.bytes("bounded.facts")).toBeUndefined();
    const policy = { arrivedBefore: 0, maxBytes: 1, keepFrom: [] };
    for (let n = 0; n < 2; n++) expect(await logs.retain(policy)).toBe(0);
    expect(told.lines.filter((line) => line.includes("TALLYWIRE_FACTS_BYTES bounds nothing"))).toHaveLength(1);
    await admin.deleteAcls({ filters: [denied] });
    await admin.disconnect();
    await client.close();
    await logs.close();
  });

  it("puts no password into a journal or an error", async () => {
    const failed = await Promise.allSettled([
      connect("SASL", "alice:wrong-canary@", "?mechanism=plain"),
      connect("SASL", "alice:wrong-canary@", "?mechanism=scram-sha-256"),
    ]);
    const told = failed.map((one) =>
      one.status === "rejected" ? `${one.reason.stack} ${JSON.stringify(one.reason)} ${one.reason.cause?.stack}` : "",
    );
    expect(told.every((text) => text.includes("SASL"))).toBe(true);
    expect(note.lines.length).toBeGreaterThan(0);
    expect([...told, ...note.lines].filter((text) => text.includes("canary"))).toEqual([]);
  });
});
