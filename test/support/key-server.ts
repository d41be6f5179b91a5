/** A server of keys on loopback, which answers as it is told. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { TokenKey } from "../../domain/token-keys.ts";

export type KeyServer = {
  readonly url: string;
  readonly asked: () => number;
  answer: RequestListener;
  /** Takes connections no more, or again. */
  away(): Promise<void>;
  back(): Promise<void>;
};

export const jwks =
  (...keys: readonly (TokenKey | object)[]): RequestListener =>
  (_, response) =>
    response.end(
      JSON.stringify({
        keys: keys.map((key) => ("jwk" in key ? { ...(key.jwk as object), kid: "kid" in key ? key.kid : undefined } : key)),
      }),
    );

export const startKeyServer = async (answer: RequestListener): Promise<KeyServer> => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked++;
    response.setHeader("connection", "close");
    told.answer(request, response);
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const told: KeyServer = {
    url: `http://127.0.0.1:${port}/jwks.json`,
    asked: () => asked,
    answer,
    away: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
    back: () => listen(port),
  };
  return told;
};
