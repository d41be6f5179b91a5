/**
 * Membership in a group that divides a topic's partitions; nothing is read or committed through it.
 *
 *      join ── sync ── heartbeat … heartbeat ── "the group is divided anew" ── join …
 *
 * Kafka's older, eager protocol, in which everybody joins anew; but nobody lets go before the new division says so, and who leads the
 * group gives everybody what they had where that is fair. Whoever was replaced without knowing is fenced elsewhere.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { AdapterError, type Journal, type Release } from "../../domain/ports.ts";
import type { KafkaClient } from "./client.ts";
import { Unanswered, verdictOf } from "./errors.ts";
import { type GroupMember, MemberAssignment, MemberMetadata } from "./internals.ts";
import type { Link } from "./link.ts";
import { type Claim, divide } from "./sticky.ts";
import { partitionsIn } from "./topics.ts";

/** Who is not heard of for so long is out of the group; and knows it. */
const SESSION_MS = 6_000;
/** How long the group waits for a member that does not join anew. Shorter: who waits there for others is not heard of meanwhile. */
const REBALANCE_MS = 5_000;
/** Beyond it an answer will not come. */
const JOIN_ANSWER_MS = REBALANCE_MS + 2_000;
const JOIN_PAUSE_MS = 50;
/** Somebody has to grant it first. */
const REFUSED_PAUSE_MS = 5_000;
const LEAVE_MS = 2_000;
/** How soon a change of the group is heard of. */
const HEARTBEAT_MS = 500;
const PROTOCOL = "tallywire-sticky-1";
const GROUP = 0;
const NEVER_SYNCED = -1;

type Told = Parameters<KafkaClient["join"]>[2];
type Membership = { readonly memberId: string; readonly generation: number };

const claimOf = ({ memberId, memberMetadata }: GroupMember): Claim => {
  const { userData } = MemberMetadata.decode(memberMetadata);
  const said = userData === null || userData.length === 0 ? {} : (JSON.parse(userData.toString("utf8")) as Partial<Claim>);
  return { member: memberId, claims: said.claims ?? [], generation: said.generation ?? NEVER_SYNCED };
};

/** Resolves when the group has been joined for the first time. */
export const joinGroup = async (link: Link, journal: Journal, group: string, topic: string, told: Told): Promise<Release> => {
  const ending = new AbortController();
  const { signal } = ending;
  const held = new Set<number>();
  let claim: Omit<Claim, "member"> = { claims: [], generation: NEVER_SYNCED };
  let memberId = "";
  let heard = performance.now();
  /** Nothing is worked at, since the group may have given it to others; it may as well not have. */
  let isSilent = false;

  const give = (partitions: readonly number[]): void => {
    if (signal.aborted) return;
    const kept = new Set(partitions);
    for (const partition of held)
      if (!kept.has(partition)) {
        held.delete(partition);
        told.lost(partition);
      }
    for (const partition of partitions)
      if (!held.has(partition)) {
        held.add(partition);
        told.gained(partition);
      }
  };

  /** A clock of its own: a request that hangs must not keep us from noticing that nobody hears us. */
  const watch = setInterval(() => {
    if (held.size === 0 || performance.now() - heard < SESSION_MS) return;
    journal.warn({ group, partitions: [...held] }, "the group has not been reached for too long; others may have its partitions now");
    isSilent = true;
    give([]);
  }, HEARTBEAT_MS / 2);

  const join = (): Promise<Membership> =>
    link.trying({ what: `Joining the group ${group}`, signal }, async (cluster) => {
      const coordinator = await link.coordinatorOf(cluster, GROUP, group);
      const metadata = MemberMetadata.encode({ version: 0, topics: [topic], userData: Buffer.from(JSON.stringify(claim)) });
      const asked = { groupId: group, sessionTimeout: SESSION_MS, rebalanceTimeout: REBALANCE_MS, memberId };
      const joined = await inTime(regrouping(coordinator.joinGroup({ ...asked, groupProtocols: [{ name: PROTOCOL, metadata }] })));
      memberId = joined.memberId;
      const isLeader = joined.leaderId === memberId;
      const shares = isLeader ? [...divide((await partitionsIn(cluster, topic)) ?? 0, joined.members.map(claimOf))] : [];
      const groupAssignment = shares.map(([id, partitions]) => ({
        memberId: id,
        memberAssignment: MemberAssignment.encode({ version: 0, assignment: { [topic]: partitions } }),
      }));
      const asking = performance.now();
      const { memberAssignment } = await regrouping(
        coordinator.syncGroup({ groupId: group, generationId: joined.generationId, memberId, groupAssignment }),
      );
      heard = asking;
      const mine = MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [];
      claim = { claims: mine, generation: joined.generationId };
      isSilent = false;
      give(mine);
      return { memberId, generation: joined.generationId };
    });

  const beat = (now: Membership): Promise<void> =>
    link.trying({ what: `Telling the group ${group} that we live`, signal, forMs: SESSION_MS }, async (cluster) => {
      const coordinator = await link.coordinatorOf(cluster, GROUP, group);
      const asking = performance.now();
      await regrouping(coordinator.heartbeat({ groupId: group, groupGenerationId: now.generation, memberId: now.memberId })).catch(
        (error: unknown) => {
          if (error instanceof Regrouping && error.knowsUs) heard = asking;
          throw error;
        },
      );
      heard = asking;
      if (!isSilent) return;
      // A broker that was started again lets its members live on as if they had been heard all the while: nobody has our partitions.
      journal.info({ group, partitions: claim.claims }, "the group has not missed us: its partitions are worked at again");
      isSilent = false;
      give(claim.claims);
    });

  const joined = Promise.withResolvers<void>();
  const live = async (): Promise<void> => {
    let member: Membership | undefined;
    while (!signal.aborted) {
      try {
        if (member === undefined) {
          member = await join();
          joined.resolve();
        }
        await sleep(HEARTBEAT_MS, undefined, { signal });
        await beat(member);
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof AdapterError)) throw error;
        // The whole client is closed: the group finds out by itself, and nothing is told any more.
        if (error.code === "closed") {
          clearInterval(watch);
          joined.reject(error);
          return;
        }
        // Divided anew, or without us: either way it begins with joining.
        member = undefined;
        if (error instanceof Regrouping) {
          if (!error.knowsUs) memberId = "";
        } else if (error.retryable) journal.warn({ err: error, group }, "the group cannot be reached; it is joined anew");
        else {
          joined.reject(error);
          journal.error({ err: error, group }, "the group does not take us; trying goes on");
        }
        const pauseMs = error instanceof Regrouping ? 0 : error.retryable ? JOIN_PAUSE_MS : REFUSED_PAUSE_MS;
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };

  const leave = async (): Promise<void> => {
    clearInterval(watch);
    ending.abort();
    await living;
    if (memberId !== "") {
      const what = `Leaving the group ${group}`;
      const left = link.trying({ what, forMs: LEAVE_MS }, async (cluster) => {
        const coordinator = await link.coordinatorOf(cluster, GROUP, group);
        await regrouping(coordinator.leaveGroup({ groupId: group, memberId }));
      });
      await left.catch((error: unknown) => {
        if (!(error instanceof AdapterError)) throw error;
        journal.debug({ err: error, group }, "the group has not heard that we leave; it will find out");
      });
    }
    link.close();
  };

  const living = live();
  living.catch((error: unknown) => joined.reject(error as Error));
  try {
    await joined.promise;
  } catch (error) {
    await leave();
    throw error;
  }
  return leave;
};

/** The group is divided anew. `knowsUs`: it still has us as a member. */
class Regrouping extends AdapterError {
  readonly knowsUs: boolean;
  constructor(knowsUs: boolean, cause: unknown) {
    super("unavailable", "The group is being divided anew.", { retryable: true, cause });
    this.knowsUs = knowsUs;
  }
}
const KNOWS_US: Readonly<Record<string, boolean>> = {
  REBALANCE_IN_PROGRESS: true,
  ILLEGAL_GENERATION: true,
  UNKNOWN_MEMBER_ID: false,
  FENCED_INSTANCE_ID: false,
};

/** What only says that the group changes is an answer of its own, not tried again as it is. */
const regrouping = async <T>(asked: Promise<T>): Promise<T> => {
  try {
    return await asked;
  } catch (error) {
    const knowsUs = KNOWS_US[verdictOf(error).type];
    throw knowsUs === undefined ? error : new Regrouping(knowsUs, error);
  }
};

/** kafkajs would wait longer for the group than we can. */
const inTime = async <T>(asked: Promise<T>): Promise<T> => {
  const over = new AbortController();
  const late = sleep(JOIN_ANSWER_MS, undefined, { signal: over.signal }).then(() => {
    throw new Unanswered();
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    over.abort();
    late.catch(() => undefined);
    asked.catch(() => undefined);
  }
};
