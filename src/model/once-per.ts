/**
 * A pure function of an object, computed once for each object and kept as long as that object is: for lookups over an inventory or
 * an estate that thousands of questions share. The object must not change.
 */
export const oncePer = <K extends object, V>(compute: (of: K) => V): ((of: K) => V) => {
  const kept = new WeakMap<K, { readonly value: V }>();
  return (of) => {
    let known = kept.get(of);
    if (known === undefined) {
      known = { value: compute(of) };
      kept.set(of, known);
    }
    return known.value;
  };
};
