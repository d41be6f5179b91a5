import { keyText } from "../domain/envelope.ts";
import { partitionOf } from "../domain/ids.ts";

/** Where a camera's facts go, reckoned once a camera. Bounded, since senders choose sensor ids. */
export const createPartitions = (partitions: number, capacity: number): ((tenant: string, camera: string) => number) => {
  const known = new Map<string, number>();
  return (tenant, camera) => {
    const key = keyText(tenant, camera);
    const found = known.get(key);
    if (found !== undefined) return found;
    if (known.size >= capacity) known.clear();
    const partition = partitionOf(tenant, camera, partitions);
    known.set(key, partition);
    return partition;
  };
};
