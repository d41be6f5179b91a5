import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KafkaClient } from "../../adapters/kafka/client.ts";
import type { Release } from "../../domain/ports.ts";
import { kafkaForTests } from "../servers/for-tests.ts";
import { connected, freshTopic, openKafkajs } from "../support/kafka.ts";
import { noted } from "../support/warehouse.ts";

const kafka = await kafkaForTests("membership in a group on Kafka");

describe.skipIf(kafka === undefined)("membership in a group on Kafka", () => {
  let client: KafkaClient;
  const clients: KafkaClient[] = [];
  beforeAll(async () => {
    client = await connected(kafka as string);
  });
  afterAll(async () => {
    await Promise.all([client, ...clients].map((one) => one.close()));
  });

  type Member = { readonly has: Set<number>; readonly told: string[]; readonly leave: Release; readonly vanish: () => Promise<void> };
  /** As a process of its own would: through a client of its own. */
  const join = async (group: string, topic: string): Promise<Member> => {
    const own = await connected(kafka as string);
    clients.push(own);
    const has = new Set<number>();
    const told: string[] = [];
    const leave = await own.join(group, topic, {
      gained: (partition) => {
        expect(has.has(partition)).toBe(false);
        has.add(partition);
        told.push(`+${partition}`);
      },
      lost: (partition) => {
        expect(has.delete(partition)).toBe(true);
        told.push(`-${partition}`);
      },
    });
    return { has, told, leave, vanish: () => own.close() };
  };
  const sizes = (members: readonly Member[]): readonly number[] => members.map(({ has }) => has.size).sort();
  const all = (members: readonly Member[]): readonly number[] => members.flatMap(({ has }) => [...has]).sort((a, b) => a - b);

  it("gives everything to one, shares with a second and a third, and takes back from who leaves; what stays is not touched", async () => {
    const topic = await freshTopic(client, 6);
    const group = randomUUID();
    const first = await join(group, topic);
    expect([...first.has]).toEqual([0, 1, 2, 3, 4, 5]);
    const second = await join(group, topic);
    await expect.poll(() => sizes([first, second])).toEqual([3, 3]);
    const third = await join(group, topic);
    const three = [first, second, third];
    await expect.poll(() => sizes(three)).toEqual([2, 2, 2]);
    expect(all(three)).toEqual([0, 1, 2, 3, 4, 5]);
    // Whoever gave up gave up only that much, and was given nothing instead.
    expect(first.told.filter((told) => told.startsWith("-"))).toHaveLength(4);
    expect(first.told.filter((told) => told.startsWith("+"))).toHaveLength(6);
    expect(third.told).toHaveLength(2);

    const kept = [[...first.has], [...third.has]];
    const before = [first.told.length, third.told.length];
    await second.leave();
    await expect.poll(() => sizes([first, third])).toEqual([3, 3]);
    expect(all([first, third])).toEqual([0, 1, 2, 3, 4, 5]);
    expect([first, third].map(({ has }, i) => kept[i]?.every((one) => has.has(one)))).toEqual([true, true]);
    expect([first.told.length - (before[0] as number), third.told.length - (before[1] as number)]).toEqual([1, 1]);
    // Of who has left nothing is said any more.
    expect(second.has.size).toBe(2);
    await Promise.all([first.leave(), third.leave()]);
  });

  it("takes from who has vanished, once it has not been heard of for as long as was agreed", async () => {
    const topic = await freshTopic(client, 2);
    const group = randomUUID();
    const first = await join(group, topic);
    const second = await join(group, topic);
    await expect.poll(() => sizes([first, second])).toEqual([1, 1]);
    const began = performance.now();
    await second.vanish();
    await expect.poll(() => [...first.has].sort(), { timeout: 20_000 }).toEqual([0, 1]);
    expect(performance.now() - began).toBeGreaterThan(4_000);
    await first.leave();
  });

  it("leaves some without any where there are more members than partitions", async () => {
    const topic = await freshTopic(client, 1);
    const group = randomUUID();
    const members = [await join(group, topic), await join(group, topic), await join(group, topic)];
    expect(all(members)).toEqual([0]);
    const holder = members.findIndex(({ has }) => has.size === 1);
    await members[holder]?.leave();
    const others = members.filter((_, i) => i !== holder);
    await expect.poll(() => all(others)).toEqual([0]);
    await Promise.all(others.map(({ leave }) => leave()));
  });

  it("goes on undisturbed while nothing changes", async () => {
    const topic = await freshTopic(client, 3);
    const member = await join(randomUUID(), topic);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(member.told).toEqual(["+0", "+1", "+2"]);
    await member.leave();
  });

  it("is over when the client is closed: nothing is told and nothing tried any more", async () => {
    const note = noted();
    const own = await connected(kafka as string, note);
    const topic = await freshTopic(own, 2);
    const told: string[] = [];
    const leave = await own.join(randomUUID(), topic, { gained: (one) => told.push(`+${one}`), lost: (one) => told.push(`-${one}`) });
    await own.close();
    const lines = note.lines.length;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(told).toEqual(["+0", "+1"]);
    expect(note.lines.slice(lines).filter((line) => !line.includes("kafkajs"))).toEqual([]);
    await leave();
  });

  it("is refused where the group divides something by other means", async () => {
    const topic = await freshTopic(client, 1);
    const group = randomUUID();
    const consumer = openKafkajs(kafka as string).consumer({ groupId: group });
    await consumer.connect();
    await consumer.subscribe({ topic });
    const joined = new Promise((resolve) => consumer.on("consumer.group_join", resolve));
    await consumer.run({ eachMessage: async () => undefined });
    await joined;
    await expect(join(group, topic)).rejects.toMatchObject({ code: "bad-query", retryable: false });
    await consumer.disconnect();
  });
});
