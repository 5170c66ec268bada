/** Status conditions: a list keyed by type, whose transition time moves only when the status does. Pure. */

export interface StatusCondition {
  type: string;
  status: string;
  reason?: string | undefined;
  message?: string | undefined;
}
interface Stored extends StatusCondition {
  lastTransitionTime?: string | undefined;
}

export const timestamp = (ms: number): string => new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");

/** Microsecond form, for MicroTime fields. */
export const microTimestamp = (ms: number): string => new Date(ms).toISOString().replace(/Z$/, "000Z");

export const findCondition = <C extends { type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined => conditions?.find((c) => c.type === type);

export const isTrue = (conditions: readonly StatusCondition[] | undefined, type: string): boolean =>
  findCondition(conditions, type)?.status === "True";

/** The list with `next` in the place of the condition of its type, or at its end. */
export function setCondition<C extends Stored>(
  conditions: readonly C[] | undefined,
  next: C,
  now: number,
): C[] {
  const list = conditions ?? [];
  const old = findCondition(list, next.type);
  const lastTransitionTime =
    old?.status === next.status && old.lastTransitionTime !== undefined
      ? old.lastTransitionTime
      : (next.lastTransitionTime ?? timestamp(now));
  const stored = { ...next, lastTransitionTime };
  return old ? list.map((c) => (c === old ? stored : c)) : [...list, stored];
}
