/** Asks as one tenant, and looks in every answer for what is another's. */
import { scopes } from "../../api/caller.ts";
import type { Operation } from "./documents.ts";
import { type Answer, type Call, type Guarded, isJson, tokenOf } from "./guarded-server.ts";
import { own, type Tenant } from "./mirror.ts";
import { sightsIn, textOf, type Wanted, without, withoutWords } from "./sightings.ts";

export type Found = {
  readonly requests: Map<string, number>;
  readonly messages: Map<string, number>;
  /** Statuses and how often. */
  readonly statuses: Map<number, number>;
  /** What of another tenant was seen, and where. */
  readonly seen: string[];
  /** What is not as it is to be, beside that. */
  readonly faults: string[];
};

export const nothingFound = (): Found => ({ requests: new Map(), messages: new Map(), statuses: new Map(), seen: [], faults: [] });
const add = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

/** What was written is readable soon; until then it is to be asked for again, so often. */
const MOST_EARLY = 10;
const isEarly = ({ status, body }: Answer): boolean => status === 503 && body.includes("not readable yet. Ask again.");

/** Data is small: a list with more pages would be one without end. */
const MOST_PAGES = 50;

export class Crawler {
  readonly server: Guarded;
  readonly tenant: Tenant;
  readonly token: string;
  readonly found: Found;
  /** Of the tenant's own jobs one, by what they are called in paths. */
  readonly jobs = new Map<string, string>();
  readonly #foreign: Wanted | undefined;
  /** Foreign ids it wrote into its own data, where they may be shown from then on. */
  readonly #written = new Set<string>();

  /** `foreign`: what must not be seen; undefined while there is nothing to look for. `token`: another than the tenant's own, to see that it is seen. */
  constructor(server: Guarded, tenant: Tenant, found: Found, foreign?: Wanted, token?: string) {
    this.server = server;
    this.tenant = tenant;
    this.found = found;
    this.#foreign = foreign;
    this.token = token ?? tokenOf(tenant.name, { sub: own(tenant, "subject"), scope: scopes.join(" ") });
  }

  /** `surface`: whose document the request is from. `sent`: what of the other tenant stands in it. */
  async ask(surface: string, call: Call, sent: readonly string[] = []): Promise<Answer> {
    let answer = await this.server.call(call);
    for (let early = 1; isEarly(answer) && early < MOST_EARLY; early++) answer = await this.server.call(call);
    add(this.found.requests, surface);
    add(this.found.statuses, answer.status);
    if (call.method !== "GET" && answer.status < 300) for (const value of sent) this.#written.add(value);
    this.look(`${call.method} ${call.target}`, textOf(answer), sent);
    if (answer.status >= 500) this.found.faults.push(`${call.method} ${call.target}: ${answer.status} ${answer.body}`);
    return answer;
  }

  hear(surface: string, where: string, message: unknown, sent: readonly string[] = []): void {
    add(this.found.messages, surface);
    this.look(where, JSON.stringify(message), sent);
  }

  look(where: string, text: string, sent: readonly string[] = [], isOperators = false): void {
    if (this.#foreign === undefined) return;
    const sights = sightsIn(text, this.#foreign, { sent: [...sent, ...this.#written], isOperators });
    for (const sight of new Set(sights))
      this.found.seen.push(`as ${this.tenant.name} of ${this.#foreign.tenant.name}: ${sight} in ${where}`);
  }

  /** The answer and the pages after it: all, or as many as are wanted. */
  async pages(operation: Operation, call: Call, most = MOST_PAGES): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (let next: string | undefined = call.target; next !== undefined && answers.length < most; ) {
      const answer: Answer = await this.ask(operation.surface, { ...call, target: next });
      answers.push(answer);
      next = nextOf(next, answer);
      if (next !== undefined && answers.length === MOST_PAGES) this.found.faults.push(`${operation.name} has pages without end`);
    }
    return answers;
  }
}

/** By `Link: rel=next`, or by `next` in the body. */
const nextOf = (target: string, answer: Answer): string | undefined => {
  const link = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.link ?? "")?.[1];
  if (link !== undefined || !isJson(answer)) return link;
  const { next } = JSON.parse(answer.body.toString()) as { readonly next?: string | null };
  if (typeof next !== "string") return undefined;
  const url = new URL(target, "http://server");
  url.searchParams.set("cursor", next);
  return url.pathname + url.search;
};

/** The same but for a value that differs and for ids and positions: so is what a foreign id is told and what one is told that nobody has. */
export const likeness = ({ status, headers, body }: Answer, sent: readonly string[]): string => {
  const text = without(`${status}\n${headers.link ?? ""}\n${headers["www-authenticate"] ?? ""}\n${body}`, sent);
  return withoutWords(text);
};
