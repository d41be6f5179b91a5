import { partitionOf } from "./ids.ts";

/** Cameras whose partition is remembered. Bounded, since their names come from outside. */
const REMEMBERED = 65_536;

/** `partitionOf`, reckoned once a camera: it hashes text, and cameras repeat. Two steps rather than a joined key: no text is made for each look. */
export const createPartitions = (partitions: number): ((tenant: string, camera: string) => number) => {
  const known = new Map<string, Map<string, number>>();
  let size = 0;
  return (tenant, camera) => {
    const remembered = known.get(tenant)?.get(camera);
    if (remembered !== undefined) return remembered;
    if (size === REMEMBERED) {
      known.clear();
      size = 0;
    }
    const partition = partitionOf(tenant, camera, partitions);
    const ofTenant = known.get(tenant) ?? new Map<string, number>();
    known.set(tenant, ofTenant.set(camera, partition));
    size++;
    return partition;
  };
};
