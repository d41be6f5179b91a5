/** Where Kafka is and how to speak to it: the URL, with what settings add to it. */
import { readFileSync } from "node:fs";
import { type Access, type Mechanism, mechanisms } from "../../domain/access.ts";
import { AdapterError } from "../../domain/ports.ts";

export type KafkaAddress = {
  /** "host:port". */
  readonly brokers: readonly string[];
  /** What the topics' names begin with; empty where the URL names none. */
  readonly prefix: string;
  readonly ssl: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
  readonly sasl: { readonly mechanism: Mechanism; readonly username: string; readonly password: string } | undefined;
};

const FORM = `kafka://[user:password@]host:port[,host:port…][/prefix][?tls=true&mechanism=${mechanisms.join("|")}]`;

/** Never the URL itself: it may hold a password. */
const refuse = (why: string): never => {
  throw new AdapterError("bad-query", `Kafka's URL: ${why}. It should read ${FORM}.`, { retryable: false });
};

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse("the user or the password is not percent-encoded as it should be");
  }
};

const brokerOf = (text: string): string => {
  if (text.startsWith("[")) return refuse("addresses of IPv6 are not supported, names are");
  const [, host, port] = /^([A-Za-z0-9._-]+):(\d{1,5})$/.exec(text) ?? refuse(`a broker is a host and a port, "${text}" is not`);
  const number = Number(port);
  return number > 0 && number < 65_536 ? `${host}:${number}` : refuse(`${port} is no port`);
};

const pem = (path: string, what: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new AdapterError("unavailable", `The ${what} for Kafka cannot be read from ${path}.`, { retryable: false, cause: error });
  }
};

/** Not by WHATWG's URL: that knows one host. Throws AdapterError `bad-query`, or `unavailable` where a PEM file cannot be read. */
export const readKafkaUrl = (url: string, access: Partial<Access> = {}): KafkaAddress => {
  const { login, hosts, path, search } =
    /^kafka:\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^?#]*))?(?:\?(?<search>[^#]*))?$/.exec(url)?.groups ??
    refuse("it cannot be read");
  const brokers = (hosts as string).split(",").map(brokerOf);
  const prefix = (path ?? "").replace(/\/$/, "");
  // A topic's name has 249 characters at most; ours add to the prefix.
  if (!/^[A-Za-z0-9._-]{0,200}$/.test(prefix)) refuse("a prefix has letters, digits, dots, dashes and underscores, 200 at most");
  const query = new URLSearchParams(search ?? "");
  const strange = [...query.keys()].find((name) => name !== "tls" && name !== "mechanism");
  if (strange !== undefined) refuse(`it knows no "${strange}"`);
  const tls = query.get("tls") ?? "false";
  if (tls !== "true" && tls !== "false") refuse("tls is true or false");

  const colon = (login ?? "").indexOf(":");
  if (login !== undefined && colon < 0) refuse("a user comes with a password");
  const username = login === undefined ? (access.username ?? "") : decoded(login.slice(0, colon));
  const password = login === undefined ? (access.password ?? "") : decoded(login.slice(colon + 1));
  const said = query.get("mechanism") ?? (access.mechanism || "plain");
  const mechanism = mechanisms.find((known) => known === said) ?? refuse(`the mechanism "${said}" is not known`);
  if (username === "" && query.has("mechanism")) refuse("a mechanism is of no use without a user");

  const { ca = "", cert = "", key = "" } = access;
  const secure = tls === "true" || ca !== "" || cert !== "";
  if (tls === "false" && query.has("tls") && secure) refuse("tls is false, yet certificates are given");
  return {
    brokers,
    prefix,
    ssl: secure
      ? {
          ...(ca === "" ? {} : { ca: pem(ca, "authorities' certificates") }),
          ...(cert === "" ? {} : { cert: pem(cert, "certificate"), key: pem(key, "certificate's key") }),
        }
      : undefined,
    sasl: username === "" ? undefined : { mechanism, username, password },
  };
};
