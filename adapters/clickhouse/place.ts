/** Where a ClickHouse server is, read from its URL. What is secret stays in `username` and `password`, and is in no error. */
import { AdapterError } from "../../domain/ports.ts";

export type Cluster = {
  /** As the servers' configuration names it, or a macro of theirs: `{cluster}`. */
  readonly name: string;
  /** Copies a shard must have of an insert before it is answered: `auto` is the majority of its replicas, 1 asks for no more than the one. */
  readonly quorum: string;
};

export type Place = {
  /** Scheme, host and port only. */
  readonly url: URL;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly cluster: Cluster | undefined;
};

const DATABASE = "tallywire";
const OPTIONS = new Set(["cluster", "quorum"]);

const refusal = (message: string): AdapterError => new AdapterError("bad-query", message, { retryable: false });

/** The error of `new URL` and of `decodeURIComponent` bears the text with its password, so it is not passed on. */
const parsed = <T>(what: string, parse: () => T): T => {
  try {
    return parse();
  } catch {
    throw refusal(`The warehouse's URL cannot be read: ${what}.`);
  }
};

/** `http(s)://user:password@host:8123/database?cluster=name&quorum=auto`. Throws AdapterError `bad-query`. */
export const placeOf = (text: string): Place => {
  const given = parsed("it is no URL", () => new URL(text));
  const decoded = (part: string, what: string): string => parsed(`percent signs in its ${what}`, () => decodeURIComponent(part));
  const database = decoded(given.pathname.slice(1), "database") || DATABASE;
  if (!/^[A-Za-z_]\w*$/.test(database)) throw refusal(`"${database}" is no name of a database.`);
  for (const name of given.searchParams.keys()) if (!OPTIONS.has(name)) throw refusal(`The warehouse's URL has no option "${name}".`);
  const cluster = given.searchParams.get("cluster");
  const quorum = given.searchParams.get("quorum");
  if (cluster !== null && !/^(\{\w+\}|\w[\w.-]*)$/.test(cluster)) throw refusal(`"${cluster}" is no name of a cluster.`);
  if (quorum !== null && cluster === null) throw refusal("The warehouse's URL has a quorum and no cluster.");
  if (quorum !== null && !/^(auto|[1-9]\d?)$/.test(quorum)) throw refusal(`A quorum is auto or a number of replicas, not "${quorum}".`);
  return {
    url: new URL(`${given.protocol}//${given.host}`),
    username: decoded(given.username, "user") || "default",
    password: decoded(given.password, "password"),
    database,
    cluster: cluster === null ? undefined : { name: cluster, quorum: quorum ?? "auto" },
  };
};
