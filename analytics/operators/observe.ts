import type { CameraKey } from "../../domain/envelope.ts";
import type { States } from "../../domain/machine.ts";

/**
 * What an operator over facts is told beside its place. `epoch` is that of the place's history (0), `reorderMs` the sensor's (0).
 * `memory` holds the operator's state, by camera: hand it in to keep it, or to go on from one that was kept.
 */
// biome-ignore lint/suspicious/noExplicitAny: the state is the operator's own business, whoever keeps it only hands it back
export type ObserveOptions<S = any> = {
  readonly key: CameraKey;
  readonly epoch?: number;
  readonly reorderMs?: number;
  readonly memory?: States<S>;
};
