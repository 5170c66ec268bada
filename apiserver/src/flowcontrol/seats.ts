import type { PriorityLevelConfiguration } from "@coracle/shared/api/generated/flowcontrol-v1.ts";

/** How many requests of a limited priority level may be under way at once. */
export interface Seats {
  /** Its part of the server's seats, by its shares. */
  readonly nominal: number;
  /** Of those, what other levels may use while it does not. */
  readonly lendable: number;
  /** What it may use of others' beyond its own; `Infinity` without a limit. */
  readonly borrowable: number;
}

/** Divides the server's seats among the limited levels by their shares, rounding up as upstream does. */
export function divideSeats(
  total: number,
  levels: readonly PriorityLevelConfiguration[],
): ReadonlyMap<string, Seats> {
  const limited = levels.flatMap(({ metadata, spec }) =>
    spec?.type === "Limited" && spec.limited ? [{ name: metadata.name ?? "", limited: spec.limited }] : [],
  );
  const sharesOf = (l: (typeof limited)[number]): number => l.limited.nominalConcurrencyShares ?? 30;
  const shares = limited.reduce((sum, level) => sum + sharesOf(level), 0);
  return new Map(
    limited.map((level) => {
      const { lendablePercent = 0, borrowingLimitPercent } = level.limited;
      const nominal = Math.ceil((total * sharesOf(level)) / Math.max(shares, 1));
      const part = (percent: number): number => Math.round((nominal * percent) / 100);
      const borrowable = borrowingLimitPercent === undefined ? Infinity : part(borrowingLimitPercent);
      return [level.name, { nominal, lendable: part(lendablePercent), borrowable }];
    }),
  );
}
