/** Who calls, and what a token says of it. */
import type { Instant } from "../domain/envelope.ts";

export const scopes = ["cameras:read", "cameras:write", "events:read", "frames:write", "playback:read", "ops"] as const;
export type Scope = (typeof scopes)[number];

/**
 * Who calls, and until when the token says so. `subject` is the token's, undefined where tokens are off or it names none.
 * `cameraLimit` and `features`: what the token lowers of what its tenant has.
 */
export type Caller = {
  readonly tenant: string;
  readonly subject: string | undefined;
  readonly scopes: ReadonlySet<string>;
  readonly expiresAt: Instant | undefined;
  readonly cameraLimit: number | undefined;
  readonly features: readonly string[] | undefined;
};
export type NotKnown = { readonly unauthenticated: string };

/** Who a token says is calling. Given only where tokens are on. */
export interface Tokens {
  /** Of a token verified before, while it holds: costs a hash. */
  known(token: string): Caller | undefined;
  /** Throws AdapterError `unavailable` where the keys cannot be had. */
  verify(token: string): Promise<Caller | NotKnown>;
  /** Tells when a key is gone or new: what was verified before is to be verified again. */
  onKeysChanged(listener: () => void): void;
}
