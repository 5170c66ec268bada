import type {
  CapacityRequestPolicyRange,
  DeviceCapacity,
} from "@coracle/shared/api/generated/resource-v1.ts";
import { forbiddenField, invalidValue, required, type FieldError, type Path } from "../../registry/field.ts";
import { validateSet } from "../shared/dra/rules.ts";
import { addQuantities, canonical, nano } from "../shared/quantity.ts";

const maxValues = 10;

/** How much of a capacity may be asked for at a time, where a device can be shared. */
export function validateRequestPolicy(
  { value, requestPolicy }: DeviceCapacity,
  capacity: Path,
  shared: boolean,
): FieldError[] {
  if (!requestPolicy) return [];
  const at = capacity.child("requestPolicy");
  if (!shared) return [forbiddenField(at, "allowMultipleAllocations must be true")];
  const { default: usual, validValues = [], validRange } = requestPolicy;
  const name = validValues.length > 0 ? "validValues" : "validRange";
  if (validValues.length > 0 && validRange)
    return [
      forbiddenField(
        at,
        'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
      ),
    ];
  if (validValues.length === 0 && !validRange) return [];
  if (usual === undefined) return [required(at.child("default"), `required when ${name} is defined`)];
  return validRange
    ? validateRange(usual, value, validRange, at.child(name))
    : validateValues(usual, value, validValues, at.child(name));
}

const more = (a: string, b: string): boolean => nano(a) > nano(b);

function validateValues(usual: string, capacity: string, values: readonly string[], at: Path): FieldError[] {
  const unsorted = values.flatMap((value, i) =>
    i > 0 && more(values[i - 1] ?? "0", value)
      ? [invalidValue(at.index(i), canonical(value), "values must be sorted in ascending order")]
      : [],
  );
  const each = validateSet(
    values,
    { max: maxValues, key: (value) => String(nano(value) / 1_000_000_000n) },
    (value, where) =>
      more(value, capacity)
        ? [
            invalidValue(
              where,
              canonical(value),
              `option is larger than capacity value: ${canonical(capacity)}`,
            ),
          ]
        : [],
    at,
  );
  const known = values.some((value) => nano(value) === nano(usual));
  return [
    ...unsorted,
    ...each,
    ...(known
      ? []
      : [invalidValue(at, canonical(usual), "default value is not valid according to the requestPolicy")]),
  ];
}

function validateRange(
  usual: string,
  capacity: string,
  { min, max, step }: Partial<CapacityRequestPolicyRange>,
  at: Path,
): FieldError[] {
  if (min === undefined) return [required(at.child("min"), "required when validRange is defined")];
  const errors: FieldError[] = [];
  const wrong = (when: boolean, name: string, value: string, why: string, than: string): void => {
    if (when) errors.push(invalidValue(at.child(name), canonical(value), `${why}: ${canonical(than)}`));
  };
  wrong(more(min, capacity), "min", min, "min is larger than capacity value", capacity);
  wrong(more(min, usual), "min", usual, "default is less than min", min);
  if (max !== undefined) {
    wrong(more(min, max), "max", min, "min is larger than max", max);
    wrong(more(max, capacity), "max", max, "max is larger than capacity value", capacity);
    wrong(more(usual, max), "max", usual, "default is more than max", max);
  }
  if (step === undefined || nano(step) === 0n) return errors;
  const once = addQuantities([min, step]);
  wrong(more(once, capacity), "step", step, `one step ${once} is larger than capacity value`, capacity);
  for (const value of max === undefined ? [usual] : [usual, max])
    if ((nano(value) - nano(min)) % nano(step) !== 0n)
      errors.push(
        invalidValue(
          at.child("step"),
          canonical(value),
          `value is not a multiple of a given step (${canonical(step)}) from (${canonical(min)})`,
        ),
      );
  return errors;
}
