/** A fake of what verifies tokens: those a test has given out, by their text. A test says when keys change and when they cannot be had. */
import { type Caller, type NotKnown, scopes, type Tokens } from "../../api/caller.ts";
import { AdapterError } from "../../domain/ports.ts";

export class FakeTokens implements Tokens {
  readonly good = new Map<string, Caller>();
  /** Texts that were verified, in order. */
  readonly verified: string[] = [];
  away = false;
  /** What verifying throws of some text: a defect of ours. */
  readonly defects = new Map<string, Error>();
  /** Verifications under way, and the most there were at once. */
  underWay = 0;
  most = 0;
  readonly #known = new Set<string>();
  readonly #listeners: (() => void)[] = [];

  /** Returns the text, to be shown. */
  give(token: string, own: Partial<Caller> = {}): string {
    this.good.set(token, {
      tenant: "default",
      subject: token,
      scopes: new Set(scopes),
      expiresAt: undefined,
      cameraLimit: undefined,
      features: undefined,
      ...own,
    });
    return token;
  }

  known(token: string): Caller | undefined {
    return this.#known.has(token) ? this.good.get(token) : undefined;
  }

  async verify(token: string): Promise<Caller | NotKnown> {
    this.verified.push(token);
    this.most = Math.max(this.most, ++this.underWay);
    await new Promise((resolve) => setImmediate(resolve));
    this.underWay--;
    if (this.away) throw new AdapterError("unavailable", "The keys cannot be had.", { retryable: true });
    const defect = this.defects.get(token);
    if (defect !== undefined) throw defect;
    const caller = this.good.get(token);
    if (caller === undefined) return { unauthenticated: "No such token." };
    this.#known.add(token);
    return caller;
  }

  onKeysChanged(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** A key is gone: with it the tokens of these texts. */
  changeKeys(...gone: readonly string[]): void {
    this.#known.clear();
    for (const token of gone) this.good.delete(token);
    for (const listener of this.#listeners) listener();
  }
}
