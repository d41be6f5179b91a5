/** What KurrentDB and the way to it answer, in our closed set. Whether trying again may help is decided here. */
import { ErrorType, isCommandError } from "@kurrent/kurrentdb-client";
import { AdapterError, type AdapterErrorCode } from "../../domain/ports.ts";

type Meaning = readonly [code: AdapterErrorCode, retryable: boolean];

const MEANINGS: Partial<Record<ErrorType, Meaning>> = {
  [ErrorType.TIMEOUT]: ["timeout", true],
  [ErrorType.DEADLINE_EXCEEDED]: ["timeout", true],
  [ErrorType.UNAVAILABLE]: ["unavailable", true],
  [ErrorType.CANCELLED]: ["unavailable", true],
  // The client goes to the leader by itself: the next call gets there.
  [ErrorType.NOT_LEADER]: ["unavailable", true],
  [ErrorType.ACCESS_DENIED]: ["bad-query", false],
  [ErrorType.INVALID_ARGUMENT]: ["bad-query", false],
  [ErrorType.STREAM_DELETED]: ["corrupt", false],
  [ErrorType.STREAM_TOMBSTONED]: ["corrupt", false],
  [ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED]: ["too-large", false],
  [ErrorType.APPEND_RECORD_SIZE_EXCEEDED]: ["too-large", false],
  [ErrorType.TRANSACTION_MAX_SIZE_EXCEEDED]: ["too-large", false],
};

/** gRPC's numbers, for what the client has no name for. */
const INVALID_ARGUMENT = 3;
const NUMBERS: ReadonlyMap<number, Meaning> = new Map([
  [1, ["unavailable", true]], // CANCELLED, by our own hanging up
  [7, ["bad-query", false]], // PERMISSION_DENIED
  [8, ["too-large", false]], // RESOURCE_EXHAUSTED: a message beyond the most either side takes
  [10, ["timeout", true]], // ABORTED: the server's own writing took too long, and may yet be done
  [12, ["bad-query", false]], // UNIMPLEMENTED
]);
const MOST_TEXT = 500;

/** For what has no number: another server may answer it. */
const PASSES: Meaning = ["unavailable", true];

const meaningOf = (error: Error): Meaning | undefined => {
  if (!isCommandError(error)) return error instanceof TypeError || error instanceof RangeError ? undefined : PASSES;
  const meaning = MEANINGS[error.type];
  if (meaning !== undefined) return meaning;
  if (error.code === INVALID_ARGUMENT) return /exceed/i.test(error.message) ? ["too-large", false] : ["bad-query", false];
  return NUMBERS.get(error.code ?? -1) ?? PASSES;
};

/**
 * `hosts` is all that is told of the connection string. The client's own error is not handed on as the cause: it carries what was
 * sent and answered. Gives back what is a defect of ours, or an AdapterError already.
 */
export const faultOf = (error: unknown, hosts: string, doing: string): unknown => {
  if (error instanceof AdapterError || !(error instanceof Error)) return error;
  const meaning = meaningOf(error);
  if (meaning === undefined) return error;
  const [code, retryable] = meaning;
  const type = isCommandError(error) ? `${error.type}: ` : "";
  return new AdapterError(code, `KurrentDB at ${hosts}, ${doing}: ${type}${error.message.slice(0, MOST_TEXT)}`, { retryable });
};
