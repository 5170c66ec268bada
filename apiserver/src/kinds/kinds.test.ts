import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { FieldError } from "../registry/field.ts";
import type { Kind } from "../registry/kind.ts";
import {
  setDefaults,
  prepareForCreate,
  prepareForUpdate,
  validate,
  validateStatusUpdate,
  validateUpdate,
} from "../registry/strategy.ts";
import { arbitraryObject, contextFor, now } from "./arbitrary.test-support.ts";
import { kinds } from "./index.ts";

const runs = { numRuns: 60 };
const copy = (object: KubeObject): KubeObject => structuredClone(object);

const wellFormed = (errors: readonly FieldError[]): boolean =>
  errors.every((e) => e.reason?.startsWith("FieldValue") && typeof e.field === "string" && e.message);

describe.each(kinds.map((kind) => [`${kind.kind}${kind.group ? `.${kind.group}` : ""}`, kind] as const))(
  "%s",
  (_, kind: Kind) => {
    const objects = arbitraryObject(kind);

    test("defaults twice are defaults once", () => {
      fc.assert(
        fc.property(objects, (object) => {
          setDefaults(kind, object);
          const once = copy(object);
          setDefaults(kind, object);
          expect(object).toEqual(once);
        }),
        runs,
      );
    });

    test("any object of the type is judged without a throw, and not changed by it", () => {
      const ctx = contextFor();
      fc.assert(
        fc.property(objects, (object) => {
          setDefaults(kind, object);
          prepareForCreate(kind, object, ctx);
          const before = copy(object);
          expect(wellFormed(validate(kind, object, ctx))).toBe(true);
          expect(object).toEqual(before);
        }),
        runs,
      );
    });

    test("any update is judged without a throw", () => {
      fc.assert(
        fc.property(
          objects,
          objects,
          fc.constantFrom("", ...(kind.subresources ?? [])),
          (next, old, subresource) => {
            const ctx = contextFor({ subresource });
            setDefaults(kind, old);
            setDefaults(kind, next);
            prepareForUpdate(kind, next, old, ctx);
            expect(wellFormed(validateUpdate(kind, next, old, ctx))).toBe(true);
            expect(wellFormed(validateStatusUpdate(kind, next, old, ctx))).toBe(true);
          },
        ),
        runs,
      );
    });

    test("every object has cells, selectable fields and a scale", () => {
      fc.assert(
        fc.property(objects, (object) => {
          for (const column of kind.columns) {
            const value = (column.value as (o: KubeObject, now: Date) => unknown)(object, now);
            const type = column.type === "integer" || column.type === "number" ? "number" : column.type;
            expect(typeof value, column.name).toBe(type);
          }
          for (const field of Object.values(kind.selectableFields))
            expect(typeof (field as (o: KubeObject) => string)(object)).toBe("string");
          if (kind.scale) {
            expect(typeof (kind.scale.selector as (o: KubeObject) => string)(object)).toBe("string");
            expect(typeof (kind.scale.specReplicas as (o: KubeObject) => number)(object)).toBe("number");
          }
        }),
        runs,
      );
    });

    test("what is read in another version and written back is the same", () => {
      const { convert } = kind;
      if (!convert) return;
      const version = kind.versions.find((v) => v !== kind.storageVersion) ?? "v1";
      fc.assert(
        fc.property(objects, (object) => {
          setDefaults(kind, object);
          const back = convert.toStorage(convert.fromStorage(copy(object), version), version);
          setDefaults(kind, back);
          const again = convert.toStorage(convert.fromStorage(copy(back), version), version);
          setDefaults(kind, again);
          // The other version may have no place for a value that is not valid; what survived once survives always.
          expect(again).toEqual(back);
        }),
        runs,
      );
    });
  },
);

test("short names, plurals and storage names are unique", () => {
  const names = kinds.map((k) => `${k.plural}.${k.group}`);
  expect(new Set(names).size).toBe(names.length);
  const storages = kinds.filter((k) => k.storageVersion !== "core/v1").map((k) => k.storage);
  expect(new Set(storages).size).toBe(storages.length);
});
