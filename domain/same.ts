/** Equal as what is decided: a field that is absent equals one that is undefined, since JSON cannot tell. Lists are equal in their order. */
export const same = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const [one, other] = [new Map(Object.entries(a)), new Map(Object.entries(b))];
  return [...new Set([...one.keys(), ...other.keys()])].every((name) => same(one.get(name), other.get(name)));
};
