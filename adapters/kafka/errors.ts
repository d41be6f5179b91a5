/** What went wrong at Kafka and what may help, decided in one place: kafkajs's errors, and numbers it does not know. */
import { AdapterError, type AdapterErrorCode } from "../../domain/ports.ts";
import { errorOf } from "./internals.ts";

/**
 * What to do before trying again: `refresh` who leads, `reconnect` since nobody knows what was done, `soon` since another is being
 * finished. `never`: trying again is of no use.
 */
export type Remedy = "refresh" | "reconnect" | "soon" | "never";
export type Verdict = { readonly remedy: Remedy; readonly code: AdapterErrorCode; readonly type: string };

/** Of no use to the same request, but a new one may do. */
const ANEW: ReadonlySet<string> = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "DUPLICATE_SEQUENCE_NUMBER",
  "TRANSACTION_ABORTABLE",
]);

/** An answer that says no, by its number. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly type: string;
  constructor(code: number) {
    const known = NEWER[code] ?? errorOf(code);
    super(known.message);
    this.type = known.type === "KAFKAJS_UNKNOWN_ERROR_CODE" ? `ERROR_${code}` : known.type;
  }
}

/** No answer in time, by a clock of ours. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
}

/** kafkajs is older than these. */
const NEWER: Readonly<Record<number, { readonly type: string; readonly message: string }>> = {
  89: { type: "THROTTLING_QUOTA_EXCEEDED", message: "The broker has no room for this now" },
  90: { type: "PRODUCER_FENCED", message: "Another producer has taken this transactional id" },
  120: { type: "TRANSACTION_ABORTABLE", message: "The transaction cannot go on and has to be aborted" },
};

const verdicts: Readonly<Record<string, readonly [Remedy, AdapterErrorCode]>> = {
  NOT_LEADER_FOR_PARTITION: ["refresh", "unavailable"],
  LEADER_NOT_AVAILABLE: ["refresh", "unavailable"],
  REPLICA_NOT_AVAILABLE: ["refresh", "unavailable"],
  UNKNOWN_TOPIC_OR_PARTITION: ["refresh", "unavailable"],
  FENCED_LEADER_EPOCH: ["refresh", "unavailable"],
  UNKNOWN_LEADER_EPOCH: ["refresh", "unavailable"],
  OFFSET_NOT_AVAILABLE: ["refresh", "unavailable"],
  KAFKA_STORAGE_ERROR: ["refresh", "unavailable"],
  BROKER_NOT_AVAILABLE: ["refresh", "unavailable"],
  NOT_CONTROLLER: ["refresh", "unavailable"],
  NOT_COORDINATOR_FOR_GROUP: ["refresh", "unavailable"],
  GROUP_COORDINATOR_NOT_AVAILABLE: ["refresh", "unavailable"],
  GROUP_LOAD_IN_PROGRESS: ["refresh", "unavailable"],
  NETWORK_EXCEPTION: ["refresh", "unavailable"],
  NOT_ENOUGH_REPLICAS: ["refresh", "unavailable"],
  THROTTLING_QUOTA_EXCEEDED: ["refresh", "unavailable"],
  // Something beside it failed, as a topic that this broker has not heard of yet.
  OPERATION_NOT_ATTEMPTED: ["refresh", "unavailable"],
  // These may have been done all the same.
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: ["reconnect", "unavailable"],
  REQUEST_TIMED_OUT: ["reconnect", "timeout"],
  CORRUPT_MESSAGE: ["reconnect", "corrupt"],
  ILLEGAL_SASL_STATE: ["reconnect", "unavailable"],
  CONCURRENT_TRANSACTIONS: ["soon", "unavailable"],
  INVALID_PRODUCER_EPOCH: ["never", "fenced"],
  PRODUCER_FENCED: ["never", "fenced"],
  INVALID_PRODUCER_ID_MAPPING: ["never", "fenced"],
  TRANSACTION_COORDINATOR_FENCED: ["never", "fenced"],
  INVALID_TXN_STATE: ["never", "fenced"],
  OUT_OF_ORDER_SEQUENCE_NUMBER: ["never", "unavailable"],
  UNKNOWN_PRODUCER_ID: ["never", "unavailable"],
  DUPLICATE_SEQUENCE_NUMBER: ["never", "unavailable"],
  TRANSACTION_ABORTABLE: ["never", "unavailable"],
  MESSAGE_TOO_LARGE: ["never", "too-large"],
  RECORD_LIST_TOO_LARGE: ["never", "too-large"],
  SASL_AUTHENTICATION_FAILED: ["never", "unavailable"],
  UNSUPPORTED_SASL_MECHANISM: ["never", "unavailable"],
};

/** What an operator can look at, where Kafka's own words lead nowhere. */
const hints: Readonly<Record<string, string>> = {
  ILLEGAL_SASL_STATE: "this listener may ask for no login, or for another one: look at the user, the mechanism and the port",
  KafkaJSConnectionClosedError:
    "where this goes on, the listener may ask for a login or for TLS, or for none: look at both and at the port",
};

/** A certificate that is not believed will not be the next time. */
const isTls = (code: unknown): boolean => typeof code === "string" && /CERT|SIGNED|SIGNATURE|^ERR_TLS|^ERR_SSL|ISSUER/.test(code);

/** It is asked for once it is known who there is. */
const UNKNOWN_YET: ReadonlySet<string> = new Set(["KafkaJSBrokerNotFound", "KafkaJSMetadataNotLoaded", "KafkaJSTopicMetadataNotLoaded"]);

type Known = Error & {
  readonly type?: string;
  readonly code?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly Error[];
  readonly partitions?: readonly { readonly error?: Error }[];
};

/** kafkajs wraps what it gave up on, and what several brokers said. */
const innermost = (error: Known): Known => {
  const inner =
    error.errors?.[0] ??
    error.partitions?.find((one) => one.error !== undefined)?.error ??
    (error.type === undefined ? error.cause : undefined);
  return inner instanceof Error && inner !== error ? innermost(inner as Known) : error;
};

export const verdictOf = (error: unknown): Verdict => {
  if (!(error instanceof Error)) throw error;
  const found = innermost(error as Known);
  const { name, type, code } = found;
  if (type === "KAFKAJS_UNKNOWN_ERROR_CODE") return verdictOf(new Refused(Number(/\d+/.exec(found.message)?.[0])));
  if (type !== undefined) {
    const [remedy, said] = verdicts[type] ?? ["never", "bad-query"];
    return { remedy, code: said, type };
  }
  if (name === "KafkaJSSASLAuthenticationError" || name === "KafkaJSServerDoesNotSupportApiKey" || isTls(code))
    return { remedy: "never", code: "unavailable", type: name };
  if (name === "KafkaJSRequestTimeoutError" || error instanceof Unanswered) return { remedy: "reconnect", code: "timeout", type: name };
  if (UNKNOWN_YET.has(name)) return { remedy: "refresh", code: "unavailable", type: name };
  if (name.startsWith("KafkaJS")) return { remedy: "reconnect", code: "unavailable", type: name };
  // Asked a moment too early: another's request is still finding out what the broker can do.
  if (error.message === "Broker not connected") return { remedy: "refresh", code: "unavailable", type: name };
  throw error; // A defect, of ours or of kafkajs.
};

/** `what` was tried, as in "Sending to x.facts". An AdapterError stays what it is. */
export const adapterError = (error: unknown, what: string): AdapterError => {
  if (error instanceof AdapterError) return error;
  const { remedy, code, type } = verdictOf(error);
  const message = innermost(error as Known).message;
  const hint = hints[type];
  return new AdapterError(code, `${what}: ${message} (${type})${hint === undefined ? "" : `; ${hint}`}.`, {
    retryable: remedy !== "never" || ANEW.has(type),
    cause: error,
  });
};
