import type { IntOrString } from "@coracle/shared/api/generated/meta-v1.ts";

/** `3` or `"25%"` of `total`, rounded as asked. Pure. */
export function scaledValue(
  value: IntOrString | undefined,
  total: number,
  rounding: "up" | "down",
  fallback: IntOrString = 0,
): number {
  const given = value ?? fallback;
  if (typeof given === "number") return given;
  const percent = /^(\d+)%$/.exec(given)?.[1];
  if (percent === undefined) {
    const plain = Number(given);
    if (!Number.isInteger(plain)) throw new Error(`invalid value for IntOrString: ${given}`);
    return plain;
  }
  const exact = (Number(percent) * total) / 100;
  return rounding === "up" ? Math.ceil(exact) : Math.floor(exact);
}
