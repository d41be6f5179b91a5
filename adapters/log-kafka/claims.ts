/** Who owns which partition, and who shares them: groups of Kafka divide them among processes. */
import { setTimeout as sleep } from "node:timers/promises";
import { AdapterError, type Owned, type Release, type Share } from "../../domain/ports.ts";
import { lostOnce, Membership, Works } from "./members.ts";
import type { Parts } from "./parts.ts";
import { type Lost, Tenure, type TenureParts } from "./tenure.ts";

/** Milliseconds before an owner that was fenced, yet has not heard of losing the partition, takes it again: by then a member that was left behind knows. */
const AGAIN_MS = 3000;

type Own = (owned: Owned) => Promise<void>;

/** One call of `claim`, with its tenures: the newest of each partition. */
class Claim {
  readonly works: Works;
  readonly #parts: TenureParts;
  readonly #tenures = new Map<number, Tenure>();

  constructor(parts: TenureParts, own: Own) {
    this.#parts = parts;
    this.works = new Works((partition, lost) => this.#own(partition, lost, own));
  }

  /** For as long as the partition is ours: an owner that was fenced without our losing it may have it again. */
  async #own(partition: number, lost: Lost, own: Own): Promise<void> {
    for (let fenced = true; fenced && !lost.is(); ) {
      const tenure = await this.#begin(partition, lost);
      if (lost.is()) return tenure.close();
      await own(tenure.owned);
      fenced = tenure.fenced;
      if (lost.is() && !this.works.ended) return tenure.close();
      // Where it is this whole claim that was replaced or released, a late commit is still Kafka's to refuse.
      if (fenced && !lost.is()) await Promise.race([sleep(AGAIN_MS, undefined, { ref: false }), lost.promise]);
    }
  }

  async #begin(partition: number, lost: Lost): Promise<Tenure> {
    await this.#tenures.get(partition)?.close();
    const here = lostOnce();
    void lost.promise.then(here.tell);
    const tenure = new Tenure(this.#parts, partition, here);
    this.#tenures.set(partition, tenure);
    await tenure.begin();
    return tenure;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#tenures.values()].map((tenure) => tenure.close()));
  }
}

export class Claims {
  readonly #parts: TenureParts;
  readonly #claims = new Set<Claim>();
  #current: { readonly claim: Claim; readonly membership: Membership } | undefined;

  constructor(parts: TenureParts) {
    this.#parts = parts;
  }

  /** The newest claim of this process has what the group gives it; the one before loses everything and is fenced. */
  async claim(own: Own): Promise<Release> {
    const claim = new Claim(this.#parts, own);
    const membership = this.#current?.membership ?? new Membership(this.#parts, `${this.#parts.prefix}-engine`);
    this.#current?.claim.works.end();
    this.#current = { claim, membership };
    this.#claims.add(claim);
    membership.tell(claim.works);
    try {
      await membership.joined();
    } catch (error) {
      if (this.#current?.membership === membership) this.#current = undefined;
      this.#claims.delete(claim);
      throw error;
    }
    return () => this.#release(claim);
  }

  async #release(claim: Claim): Promise<void> {
    claim.works.end();
    try {
      await claim.works.returned();
    } finally {
      await claim.close();
      this.#claims.delete(claim);
      if (this.#current?.claim === claim) {
        const { membership } = this.#current;
        this.#current = undefined;
        await membership.leave();
      }
    }
  }

  /** Nobody owns anything any more; owners are not waited for. */
  async close(): Promise<void> {
    const claims = [...this.#claims];
    const membership = this.#current?.membership;
    this.#current = undefined;
    this.#claims.clear();
    for (const claim of claims) claim.works.end();
    await Promise.all(claims.map((claim) => claim.close()));
    await membership?.leave();
  }
}

/** Memberships of those who share; each call is a member of its own. */
export class SharesOfGroups {
  readonly #parts: Parts;
  readonly #shares = new Map<Membership, Works>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async share(name: string, work: (share: Share) => Promise<void>): Promise<Release> {
    if (!/^[\w.-]{1,100}$/.test(name) || name === "engine")
      throw new AdapterError("bad-query", `Partitions cannot be shared under the name "${name}".`, { retryable: false });
    const works = new Works((partition, lost) => work({ partition, lost: lost.promise }));
    const membership = new Membership(this.#parts, `${this.#parts.prefix}-${name}`);
    this.#shares.set(membership, works);
    membership.tell(works);
    try {
      await membership.joined();
    } catch (error) {
      this.#shares.delete(membership);
      throw error;
    }
    return async () => {
      works.end();
      try {
        await works.returned();
      } finally {
        this.#shares.delete(membership);
        await membership.leave();
      }
    };
  }

  async close(): Promise<void> {
    const shares = [...this.#shares];
    this.#shares.clear();
    for (const [, works] of shares) works.end();
    await Promise.all(shares.map(([membership]) => membership.leave()));
  }
}
