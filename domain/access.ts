/** What is shown to a server that asks who we are. */

/** How a user is known (SASL). */
export const mechanisms = ["plain", "scram-sha-256", "scram-sha-512"] as const;
export type Mechanism = (typeof mechanisms)[number];

/** Empty: not said. `ca`, `cert` and `key` are paths of PEM files. */
export type Access = {
  readonly username: string;
  readonly password: string;
  readonly mechanism: "" | Mechanism;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

/** Neither is of use without the other. */
const pairs = [
  ["username", "password"],
  ["cert", "key"],
] as const satisfies readonly (readonly (keyof Access)[])[];

/** The pairs of which one is said and the other is not. */
export const halfSaid = (access: Access): readonly (typeof pairs)[number][] =>
  pairs.filter(([one, other]) => (access[one] === "") !== (access[other] === ""));
