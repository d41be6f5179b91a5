/** The connection string of a KurrentDB, checked before the client sees it: what the client cannot read it prints, password and all. */
import { AdapterError } from "../../domain/ports.ts";

export type KurrentAddress = {
  /** For the client. Never in a message. */
  readonly connection: string;
  /** Hosts and ports: what may be told. */
  readonly hosts: string;
  /** Of the names of all streams of this house. */
  readonly prefix: string;
  /** How long a call may take in all, attempts included. */
  readonly deadlineMs: number;
};

const SHAPE = /^(?:esdb|kurrentdb)(\+discover)?:\/\/(?:([^@/?]*)@)?([^@/?]+)\/?(?:\?(.*))?$/i;
const PREFIX = /^[A-Za-z][A-Za-z0-9_]*$/;
const DEADLINE_MS = 10_000;
/** The client's, but for one that would have it answer a refusal as if it were none. */
const OPTIONS = [
  "tls",
  "tlsVerifyCert",
  "tlsCAFile",
  "userCertFile",
  "userKeyFile",
  "connectionName",
  "nodePreference",
  "defaultDeadline",
  "discoveryInterval",
  "maxDiscoverAttempts",
  "gossipTimeout",
  "keepAliveInterval",
  "keepAliveTimeout",
] as const;
/** As the client compares names. */
const flat = (name: string): string => name.toLowerCase().replace(/[_-]/g, "");
const known = new Map([...OPTIONS, "streamPrefix"].map((name) => [flat(name), name]));

const refusal = (what: string): AdapterError =>
  new AdapterError("bad-query", `The connection string of KurrentDB cannot be used: ${what}.`, { retryable: false });

const decodable = (text: string): boolean => {
  try {
    return decodeURIComponent(text) !== "";
  } catch {
    return false;
  }
};

const checkCredentials = (credentials: string): void => {
  const parts = credentials.split(":");
  if (parts.length !== 2 || !parts.every(decodable))
    throw refusal("before the @ stand the user and the password, percent-encoded, with a colon between");
};

const optionsOf = (query: string): ReadonlyMap<string, string> => {
  const options = new Map<string, string>();
  for (const pair of query.split("&").filter((text) => text !== "")) {
    const at = pair.indexOf("=");
    const name = known.get(flat(pair.slice(0, at)));
    // A name may be a slipped password: it is not repeated.
    if (name === undefined) throw refusal(`an option is none of ${[...known.values()].join(", ")}`);
    const value = pair.slice(at + 1);
    if (value === "" || !decodable(value)) throw refusal(`${name} has no value that could be read`);
    options.set(name, value);
  }
  return options;
};

/** Beside the client's own options `streamPrefix=name`: houses that share one KurrentDB. Throws AdapterError `bad-query`. */
export const readConnectionString = (text: string): KurrentAddress => {
  const [, discover = "", credentials, hosts, query = ""] = SHAPE.exec(text.trim()) ?? [];
  if (hosts === undefined) throw refusal("it is not kurrentdb://[user:password@]host:port[,host:port][?option=value&option=value]");
  if (credentials !== undefined) checkCredentials(credentials);
  const options = optionsOf(query);
  const prefix = options.get("streamPrefix") ?? "tallywire";
  if (!PREFIX.test(prefix)) throw refusal("streamPrefix is a letter and then letters, digits and _");
  const deadlineMs = Number(options.get("defaultDeadline") ?? DEADLINE_MS);
  if (!Number.isInteger(deadlineMs) || deadlineMs <= 0) throw refusal("defaultDeadline is a number of milliseconds");
  const rest = [...options].flatMap(([name, value]) => (name === "streamPrefix" ? [] : [`${name}=${value}`])).join("&");
  const account = credentials === undefined ? "" : `${credentials}@`;
  const connection = `kurrentdb${discover.toLowerCase()}://${account}${hosts}${rest === "" ? "" : `?${rest}`}`;
  return { connection, hosts, prefix, deadlineMs };
};
