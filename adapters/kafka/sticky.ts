/** Dividing partitions so that whoever has one keeps it where that is fair. */

/** `claims`: what the member had. `generation`: in which of the group's generations it was given that. */
export type Claim = { readonly member: string; readonly claims: readonly number[]; readonly generation: number };

/**
 * Shares differ by one at most. Of two who claim the same the later generation is believed. The result depends on nothing but the claims.
 */
export const divide = (partitions: number, members: readonly Claim[]): ReadonlyMap<string, readonly number[]> => {
  const byName = [...members].sort((a, b) => (a.member < b.member ? -1 : 1));
  const holder = new Map<number, Claim>();
  for (const claim of byName)
    for (const partition of claim.claims) {
      const other = holder.get(partition);
      if (partition < partitions && (other === undefined || claim.generation > other.generation)) holder.set(partition, claim);
    }
  const kept = byName.map(({ member }) => ({
    member,
    has: [...holder].filter(([, claim]) => claim.member === member).map(([partition]) => partition),
  }));
  // The larger shares go to those who have most: so they give up least.
  kept.sort((a, b) => b.has.length - a.has.length);
  const least = Math.floor(partitions / members.length);
  const larger = partitions % members.length;
  const shares = kept.map(({ member, has }, i) => {
    const size = least + (i < larger ? 1 : 0);
    return { member, size, has: has.sort((a, b) => a - b).slice(0, size) };
  });
  const given = new Set(shares.flatMap(({ has }) => has));
  const free = Array.from({ length: partitions }, (_, partition) => partition).filter((partition) => !given.has(partition));
  for (const { size, has } of shares) has.push(...free.splice(0, size - has.length));
  return new Map(shares.map(({ member, has }) => [member, has.sort((a, b) => a - b)]));
};
