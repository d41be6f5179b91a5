/** A real HTTP client of the emdx surface, for tests that run a whole server. */
import { setTimeout as sleep } from "node:timers/promises";

type Body = Record<string, unknown>;
export type Client = {
  (method: string, path: string, body?: unknown): Promise<Body>;
  /** All pages of a list, newest first as they come. */
  all(path: string, query: string, name: string): Promise<Body[]>;
  /** A job of a resource such as `recomputes` once it is over, however it ended. Throws where it is not, after two minutes. */
  ended(resource: string, id: unknown): Promise<Body>;
};

/** What was written is readable soon; until then it is to be asked for again, so often. */
const MOST_EARLY = 10;
const isEarly = (status: number, text: string): boolean => status === 503 && text.includes("not readable yet. Ask again.");

const LONGEST_JOB_MS = 120_000;
const LOOK_MS = 50;

/** Throws on any status that is not 2xx, with the answer's text. */
export const client = (url: string): Client => {
  const request = async (method: string, target: string, body?: unknown): Promise<Response> => {
    const headers = { "content-type": "application/json", "user-type": "Admin" };
    for (let early = 1; ; early++) {
      const answer = await fetch(target, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
      if (answer.ok) return answer;
      const text = await answer.text();
      if (early === MOST_EARLY || !isEarly(answer.status, text)) throw new Error(`${method} ${target}: ${answer.status} ${text}`);
    }
  };
  const call = async (method: string, path: string, body?: unknown): Promise<Body> =>
    (await (await request(method, `${url}/api/v2${path}`, body)).json()) as Body;
  const all = async (path: string, query: string, name: string): Promise<Body[]> => {
    const rows: Body[] = [];
    let next: string | undefined = `${url}/api/v2${path}?${query}`;
    while (next !== undefined) {
      const answer: Response = await request("GET", next);
      rows.push(...(((await answer.json()) as Record<string, Body[]>)[name] ?? []));
      const link: string | undefined = /<([^>]+)>;\s*rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
      next = link === undefined ? undefined : new URL(link, next).href;
    }
    return rows;
  };
  const ended = async (resource: string, id: unknown): Promise<Body> => {
    for (const begin = performance.now(); ; await sleep(LOOK_MS)) {
      const job = await call("GET", `/${resource}/${id}`);
      if (!["queued", "running"].includes(String(job.state))) return job;
      if (performance.now() - begin > LONGEST_JOB_MS) throw new Error(`${resource}/${id} is still ${job.state}`);
    }
  };
  return Object.assign(call, { all, ended });
};
