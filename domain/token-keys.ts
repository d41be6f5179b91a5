/** A key that tokens are verified with. */

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
