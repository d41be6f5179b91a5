/** Gives a tenant its data, through the doors. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Crawler } from "./crawler.ts";
import type { Operation } from "./documents.ts";
import { type Answer, isJson } from "./guarded-server.ts";
import { mirrored } from "./mirror.ts";
import { operationAt } from "./requests.ts";

/** The position that a write told, if it did. */
export const positionOf = (answer: Answer): string | undefined => {
  if (answer.headers["tallywire-position"] !== undefined) return answer.headers["tallywire-position"];
  if (!isJson(answer)) return undefined;
  const told = JSON.parse(answer.body.toString()) as { readonly position?: unknown } | null;
  return typeof told?.position === "string" ? told.position : undefined;
};

const LOOK_MS = 20;
/** A job that was asked for is waited for: what it finds is part of what the tenant has. */
export const ended = async (crawler: Crawler, { status, headers }: Answer): Promise<void> => {
  if (status !== 202 || headers.location === undefined) return;
  const look = { method: "GET", target: headers.location, headers: { authorization: `Bearer ${crawler.token}` } };
  for (;;) {
    const { body } = await crawler.server.call(look);
    if ((JSON.parse(body.toString()) as { readonly endedAt?: string }).endedAt !== undefined) return;
    await sleep(LOOK_MS);
  }
};

/** Writes all that the tenant has; what is there already may be refused. Gives the last position. Throws for anything else. */
export const furnish = async (crawler: Crawler, operations: readonly Operation[]): Promise<string | undefined> => {
  let last: string | undefined;
  for (const call of mirrored(crawler.tenant)) {
    // One of each kind is enough to be looked at.
    if (crawler.jobs.has(call.target.split("/").at(-1) ?? "")) continue;
    const headers = { ...call.headers, authorization: `Bearer ${crawler.token}` };
    const answer = await crawler.ask(operationAt(operations, call).surface, { ...call, headers });
    if (answer.status >= 300 && answer.status !== 409) throw new Error(`${call.method} ${call.target}: ${answer.status} ${answer.body}`);
    await ended(crawler, answer);
    const [, jobs, id] = /\/(\w+)\/([\w-]+)$/.exec(answer.headers.location ?? "") ?? [];
    if (answer.status === 202 && jobs !== undefined && id !== undefined) crawler.jobs.set(jobs, id);
    last = positionOf(answer) ?? last;
  }
  return last;
};
