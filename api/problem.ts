/** Problem details: the error shape of emdx and myvms. */
import { STATUS_CODES } from "node:http";
import type { Refusal } from "../domain/decider.ts";
import { AdapterError } from "../domain/ports.ts";
import type { Core, NotReceived, Rejected } from "./core.ts";

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 408 | 409 | 413 | 415 | 421 | 422 | 426 | 429 | 431 | 500 | 503;

/** What a route throws when it refuses; the surface sends it as it stands. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: ProblemStatus;
  readonly detail: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Lines of an ingest body that were refused. */
  readonly rejected: readonly Rejected[] | undefined;
  constructor(
    status: ProblemStatus,
    detail: string,
    more: { readonly headers?: Readonly<Record<string, string>>; readonly rejected?: readonly Rejected[] } = {},
  ) {
    super(detail);
    this.status = status;
    this.detail = detail;
    this.headers = more.headers ?? {};
    this.rejected = more.rejected;
  }
}

/** 404; where the older version of emdx is called, with the path of the newer one. */
export const nothingAt = (path: string): Problem => {
  const v1 = /^(\/emdx|\/ws-emdx)?\/api\/(?!v2(?:\/|$))(?:v1\/)?(.+)$/.exec(path);
  if (v1 === null) return new Problem(404, "There is nothing at this path.");
  return new Problem(404, `The older version of this interface is not served here. See ${v1[1] ?? ""}/api/v2/${v1[2]}.`);
};

/** At the path of a socket. */
export const noUpgrade = (): Problem =>
  new Problem(426, "This is a WebSocket.", { headers: { upgrade: "websocket", connection: "upgrade" } });

/** 422 naming the place in what was sent. */
export const unprocessable = (path: string, detail: string): Problem => new Problem(422, path === "" ? detail : `${path}: ${detail}`);

/** `status` is a number equal to the HTTP status, `title` its reason phrase. */
export const problemBody = (problem: Problem) => ({
  detail: problem.detail,
  status: problem.status,
  title: STATUS_CODES[problem.status] ?? "Error",
  type: "about:blank" as const,
  ...(problem.rejected === undefined ? {} : { rejected: problem.rejected }),
});

export const problemResponse = (problem: Problem): Response =>
  new Response(JSON.stringify(problemBody(problem)), {
    status: problem.status,
    headers: { ...problem.headers, "content-type": "application/problem+json" },
  });

/** Seconds a client told 429 or 503 should wait. */
const retryAfter = { "retry-after": "1" };

export const notReceivedProblem = ({ problem, detail }: NotReceived): Problem => {
  switch (problem) {
    case "too-large":
      return new Problem(413, detail);
    case "unsupported":
      return new Problem(415, detail);
    case "unreadable":
      return new Problem(422, detail);
    case "busy":
      return new Problem(429, detail, { headers: retryAfter });
    case "unavailable":
      return new Problem(503, detail, { headers: retryAfter });
  }
};

/** `seconds` to wait. */
export const tooMany = (detail: string, seconds = 1): Problem => new Problem(429, detail, { headers: { "retry-after": String(seconds) } });

export const unavailable = (detail: string): Problem => new Problem(503, detail, { headers: retryAfter });

export const refusalProblem = ({ refused, path, detail }: Refusal): Problem => {
  switch (refused) {
    case "invalid":
    case "unknown-place":
    case "unknown-rule":
    case "too-many":
      return unprocessable(path, detail);
    case "unknown-camera":
      return new Problem(404, path === "" ? detail : `${path}: ${detail}`);
    case "conflict":
      return new Problem(409, path === "" ? detail : `${path}: ${detail}`);
  }
};

/** Whether something we need is away for the moment. */
export const isAway = (error: unknown): error is AdapterError =>
  error instanceof AdapterError && (error.retryable || error.code === "unavailable" || error.code === "timeout");

/** What is no refusal of ours is a 500 that tells nothing of the inside. */
export const problemOf = ({ core }: { readonly core: Pick<Core, "journal"> }, error: unknown, path: string): Problem => {
  if (error instanceof Problem) return error;
  if (isAway(error)) {
    core.journal.warn({ err: error, path }, "not available");
    return unavailable("Not available at the moment.");
  }
  core.journal.error({ err: error, path }, "a request failed");
  return new Problem(500, "Internal server error.");
};
