import { type CameraKey, keyText } from "../envelope.ts";

/** The key of what belongs to one camera, or, without one, of whatever comes. */
export const keyedBy = (key: CameraKey | undefined): ((input: CameraKey) => string | undefined) => {
  if (key === undefined) return (input) => keyText(input.tenant, input.camera);
  const name = keyText(key.tenant, key.camera);
  return (input) => (input.tenant === key.tenant && input.camera === key.camera ? name : undefined);
};
