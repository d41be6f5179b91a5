/**
 * How many sensors a tenant may have: each is remembered by the engine for good, whether anybody created a camera of its name or not, so who
 * makes up names would fill its memory. Counted in this process since it started; cameras that were created have a limit of their own.
 */
export type Sensors = {
  /** False: the tenant has as many as it may, and this is none of them. */
  admit(tenant: string, camera: string): boolean;
};

export const createSensors = (most: number): Sensors => {
  const heard = new Map<string, Set<string>>();
  return {
    admit: (tenant, camera) => {
      let ofTenant = heard.get(tenant);
      if (ofTenant === undefined) {
        ofTenant = new Set();
        heard.set(tenant, ofTenant);
      }
      if (ofTenant.has(camera)) return true;
      if (ofTenant.size >= most) return false;
      ofTenant.add(camera);
      return true;
    },
  };
};

/** In words, for who sent one more. */
export const tooManySensors = (most: number): string => `the tenant has ${most} sensors, and may have no more`;
