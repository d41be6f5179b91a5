/** The running server: a composed house behind its doors, and its clean end. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { quietClock } from "./adapters/clock.ts";
import { openJournal } from "./adapters/journal-pino.ts";
import { openTokenKeys } from "./adapters/token-keys.ts";
import { createApp } from "./api/app.ts";
import { createTokens } from "./api/tokens.ts";
import { compose, type Openers } from "./compose.ts";
import { type Config, isLoopbackOnly, keySourceOf } from "./config.ts";
import { limits } from "./domain/limits.ts";
import { AdapterError, type Journal, type TokenKeys } from "./domain/ports.ts";

/** Throws AdapterError `in-use`, `unavailable`: a port that is taken, an address this machine does not have. */
const listen = (server: Server, port: number, host: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const code = cause.code === "EADDRINUSE" ? "in-use" : "unavailable";
      reject(new AdapterError(code, `The server cannot listen on ${host}, port ${port}: ${cause.message}`, { retryable: false, cause }));
    });
    server.listen(port, host, resolve);
  });

/** Undefined while tokens are off. Throws AdapterError `corrupt` for a file of keys that is none. */
const openKeys = async (config: Config, journal: Journal): Promise<TokenKeys | undefined> => {
  const source = keySourceOf(config);
  return source && (await openTokenKeys(source, { limits, clock: quietClock, journal }));
};

/** Serves until SIGTERM or SIGINT, or until a defect ends the process. */
export const serve = async (config: Config, openers?: Openers): Promise<void> => {
  // What is kept is read by who runs this, and by nobody else of the machine.
  process.umask(0o077);
  const journal = openJournal(config.LOG_LEVEL);
  const startedAt = performance.now();
  const keys = await openKeys(config, journal);
  let listening: number | undefined;
  const house = await compose(config, { journal, port: () => listening, ...(openers && { openers }) }).catch((error: unknown) => {
    keys?.close();
    throw error;
  });
  const app = createApp(house.core, {
    tenant: config.EMDX_TENANT,
    ivmsTenant: config.IVMS_TENANT,
    ivmsZone: config.IVMS_ZONE,
    publicUrl: config.PUBLIC_URL === "" ? undefined : config.PUBLIC_URL,
    strict: config.EMDX_STRICT,
    metricsAuth: config.METRICS_AUTH === "" ? undefined : config.METRICS_AUTH,
    rates: { requests: config.REQUESTS_PER_MINUTE, frames: config.FRAMES_REQUESTS_PER_MINUTE },
    origins: config.CORS_ORIGINS,
    loopbackOnly: isLoopbackOnly(config),
    ...(keys && {
      tokens: createTokens({
        keys,
        issuer: config.JWT_ISSUER,
        audience: config.JWT_AUDIENCE,
        limits: house.core.limits,
        now: house.core.now,
      }),
    }),
  });
  const server = createServer(app.serverOptions, getRequestListener(app.fetch));
  app.attach(server);
  // Heard from the start: one that comes before the doors are open would end the process without its word.
  const defect = new Promise<{ readonly error: unknown }>((resolve) => {
    for (const part of [house.defect, keys?.done]) part?.catch((error: unknown) => resolve({ error }));
  });
  try {
    await listen(server, config.PORT, config.HOST);
  } catch (error) {
    keys?.close();
    await app.close(0);
    await house.close();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  listening = port;

  let ending: Promise<void> | undefined;
  const end = (why: string): Promise<void> => {
    ending ??= (async () => {
      journal.info({ why }, "stopping");
      await app.close(house.core.limits.drainMs);
      keys?.close();
      await house.close();
      journal.info({}, "stopped");
    })();
    return ending;
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.once(signal, () => {
      void end(signal).then(
        () => process.exit(0),
        (error: unknown) => {
          journal.fatal({ err: error }, "not stopped cleanly");
          process.exit(1);
        },
      );
    });
  // Said once it can be stopped: whoever waits for this line may stop it at once.
  const host = config.HOST.includes(":") ? `[${config.HOST}]` : config.HOST;
  journal.info(
    { url: `http://${host}:${port}`, roles: config.ROLES, data: config.DATA, ms: Math.round(performance.now() - startedAt) },
    "listening",
  );
  // What is no bad input and no camera's own trouble ends the process; the log has everything (docs/invariants.md).
  const { error } = await defect;
  if (ending !== undefined) return;
  journal.fatal({ err: error }, "a defect: this process ends, its log is whole");
  process.exit(70);
};
