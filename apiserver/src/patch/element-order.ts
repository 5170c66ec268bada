/**
 * The order of a merged list: elements the patch names stand in the patch's order; the others keep the order they had and
 * are put, as well as can be, where they stood relative to the rest.
 */
export function arrange(
  merged: readonly unknown[],
  wanted: readonly string[],
  before: readonly unknown[],
  identity: (item: unknown) => string,
): unknown[] {
  const rank = new Map(wanted.map((id, i) => [id, i]));
  const place = new Map(before.map((item, i) => [identity(item), i]));
  const named = merged.filter((item) => rank.has(identity(item)));
  const others = merged.filter((item) => !rank.has(identity(item)));
  named.sort((a, b) => (rank.get(identity(a)) ?? 0) - (rank.get(identity(b)) ?? 0));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const here = place.get(identity(item));
    while (here !== undefined && next < others.length) {
      const other = place.get(identity(others[next]));
      if (other === undefined || other >= here) break;
      result.push(others[next++]);
    }
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}
