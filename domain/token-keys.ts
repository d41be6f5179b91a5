/** The keys that tokens are verified with, wherever they come from. */

/** What a key is good for: the kind of the key decides, never the token. */
export type TokenAlgorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** `jwk`: the members of a JSON Web Key (RFC 7517) that make the key, nothing else. `kid`: its name, where it was given one. */
export type TokenKey = {
  readonly alg: TokenAlgorithm;
  readonly kid: string | undefined;
  readonly jwk: { readonly kty: string } & { readonly [member: string]: string };
};

export interface TokenKeys {
  /** Those in use now; another array only where one is gone or new. Undefined while none could be had, or not for too long. */
  current(): readonly TokenKey[] | undefined;
  /** Looks where they come from, unless that was done a moment ago. Never rejects: `current` tells what came of it. */
  look(): Promise<void>;
  onChanged(listener: () => void): void;
  /** Ends looking. */
  close(): void;
}
