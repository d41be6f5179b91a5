/** Counts by name; a name without any is forgotten. */
export class Tally {
  readonly #counts = new Map<string, number>();
  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
  /** Returns how many there are then. */
  add(name: string, more: 1 | -1): number {
    const count = this.of(name) + more;
    if (count === 0) this.#counts.delete(name);
    else this.#counts.set(name, count);
    return count;
  }
}
