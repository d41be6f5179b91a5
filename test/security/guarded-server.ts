/** A real server with tokens on, and who may call it. */
import { Agent, type OutgoingHttpHeaders, request } from "node:http";
import { scopes } from "../../api/caller.ts";
import { type RunningServer, startServer } from "../../examples/server.ts";
import { AUDIENCE, claims, hmac, ISSUER, jws, SECRET } from "../support/tokens.ts";

export type Call = {
  readonly method: string;
  /** From the base on, with the query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
};
export type Answer = { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };

/** One text of JSON: not lines of it. */
export const isJson = ({ headers }: Answer): boolean => /^application\/([\w.-]+\+)?json\b/.test(headers["content-type"] ?? "");

export type Guarded = {
  readonly url: string;
  readonly server: RunningServer;
  /** Lines of its log that tell of an error. */
  readonly errors: readonly string[];
  call(call: Call): Promise<Answer>;
  stop(): Promise<void>;
};

const HOUR = 3600;
/** Mebibytes for what lives long: what grows without end ends the process, and does not pass for what is not yet cleared away. */
const HEAP = 256;

/** What is sent at a pace, or goes on with what comes, is looked at for so long. */
const ENOUGH_MS = 300;
const isEndless = (target: string): boolean => /\/replay\?.*(?:pace|follow)=/.test(target);

/** Whether a line of the log is of one. */
export const tellsOfError = (line: string): boolean => /"level":"(?:error|fatal)"/.test(line);

/** Holds an hour. */
export const tokenOf = (tenant: string, own: object = {}): string =>
  jws(
    { alg: "HS256", typ: "JWT" },
    claims({ tenant_id: tenant, exp: Math.floor(Date.now() / 1000) + HOUR, scope: scopes.join(" "), ...own }),
    hmac(),
  );

export const startGuarded = async (data: string): Promise<Guarded> => {
  const errors: string[] = [];
  const server = await startServer({
    data,
    env: {
      NODE_OPTIONS: `--max-old-space-size=${HEAP}`,
      TALLYWIRE_TOKENS: "on",
      TALLYWIRE_JWT_SECRET: SECRET,
      TALLYWIRE_JWT_ISSUER: ISSUER,
      TALLYWIRE_JWT_AUDIENCE: AUDIENCE,
      TALLYWIRE_SECRET_KEY: "a key of thirty-two bytes or of more",
      TALLYWIRE_RTSP_ALLOW: "10.0.0.0/8",
      TALLYWIRE_REQUESTS_PER_MINUTE: "0",
      TALLYWIRE_FRAMES_REQUESTS_PER_MINUTE: "0",
    },
    onLine: (line) => {
      if (tellsOfError(line)) errors.push(line);
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const { hostname, port } = new URL(server.url);

  /** Not fetch: that would tidy the path and the headers before they are sent. */
  const call = ({ method, target, headers, body }: Call): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent: OutgoingHttpHeaders = { ...(body !== undefined && { "content-length": Buffer.byteLength(body) }), ...headers };
      const asked = request({ agent, hostname, port, method, path: target, headers: sent }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("error", reject);
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        const told = (): void => {
          const heads = Object.entries(answer.headers).map(([name, value]) => [name, String(value)]);
          resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(heads), body: Buffer.concat(chunks) });
        };
        answer.on("end", told);
        if (!isEndless(target)) return;
        const enough = setTimeout(() => {
          told();
          answer.destroy();
        }, ENOUGH_MS);
        answer.on("close", () => clearTimeout(enough));
      });
      asked.on("error", reject);
      asked.end(body);
    });

  return {
    url: server.url,
    server,
    errors,
    call,
    stop: async () => {
      agent.destroy();
      await server.stop();
    },
  };
};
