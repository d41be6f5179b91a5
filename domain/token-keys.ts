/** The keys that tokens are verified with, wherever they come from. */

/** What a key is good for: the kind of the key decides, never the token. */
export type TokenAlgorithm = "HS256" | "RS256" | "ES256" | "EdDSA";

/** `jwk`: the members of a JSON Web Key (RFC 7517) that make the key, nothing else. `kid`: its name, where it was given one. */
export type TokenKey = {
  readonly alg: TokenAlgorithm;
  readonly kid: string | undefined;
  readonly jwk: { readonly kty: string } & { readonly [member: string]: string };
};

/** `file` is a path, `url` the address of a JWK Set. */
export type KeySource = { readonly secret: string } | { readonly file: string } | { readonly url: string };

export interface TokenKeys {
  /** Those in use now; another array only where one is gone or new. Undefined while none could be had, or not for too long. */
  current(): readonly TokenKey[] | undefined;
  /** Looks where they come from, unless that was done a moment ago. `current` tells what came of it; rejects with a defect only. */
  look(): Promise<void>;
  /** What a listener throws is a defect. */
  onChanged(listener: () => void): void;
  /** Looking by itself: ends when closed, rejects with a defect. */
  readonly done: Promise<void>;
  /** Ends looking. */
  close(): void;
}
