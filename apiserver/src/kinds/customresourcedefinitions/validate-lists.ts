/** `x-kubernetes-list-type`, its keys, and `x-kubernetes-map-type`. */
import { itemsOf, valuesOf, type Schema } from "../../apiextensions/schema/structural.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  type FieldError,
  type Path,
} from "../../registry/field.ts";

const listTypes = ["atomic", "map", "set"];
const mapTypes = ["atomic", "granular"];

export function validateLists(schema: Schema, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"];
  const mapType = schema["x-kubernetes-map-type"];
  const typeAt = at.child("x-kubernetes-list-type");
  const keysAt = at.child("x-kubernetes-list-map-keys");
  if (listType !== undefined) {
    if (!listTypes.includes(listType)) errors.push(notSupported(typeAt, listType, listTypes));
    if (schema.type !== "array")
      errors.push(
        invalidValue(
          at.child("type"),
          schema.type ?? "",
          "must be array if x-kubernetes-list-type is specified",
        ),
      );
  }
  if (listType === "set") errors.push(...validateSet(itemsOf(schema), at.child("items")));
  if (keys !== undefined && listType !== "map") {
    errors.push(
      invalidValue(typeAt, listType ?? "", "must be map if x-kubernetes-list-map-keys is non-empty"),
    );
  }
  if (listType === "map") errors.push(...validateKeys(schema, keys ?? [], keysAt));
  if (mapType !== undefined) {
    if (!mapTypes.includes(mapType))
      errors.push(notSupported(at.child("x-kubernetes-map-type"), mapType, mapTypes));
    if (schema.type !== "object")
      errors.push(
        invalidValue(
          at.child("type"),
          schema.type ?? "",
          "must be object if x-kubernetes-map-type is specified",
        ),
      );
  }
  return errors;
}

/** Elements of a set are compared as wholes: they must be scalars, or atomic. */
function validateSet(items: Schema | undefined, at: Path): FieldError[] {
  if (items?.nullable)
    return [forbiddenField(at.child("nullable"), "cannot be nullable when x-kubernetes-list-type is set")];
  if (items?.type === "object" && items["x-kubernetes-map-type"] !== "atomic") {
    return [
      invalidValue(
        at.child("x-kubernetes-map-type"),
        items["x-kubernetes-map-type"] ?? "",
        "must be atomic as item of a list with x-kubernetes-list-type=set",
      ),
    ];
  }
  const listType = items?.["x-kubernetes-list-type"];
  return items?.type === "array" && listType !== undefined && listType !== "atomic"
    ? [
        invalidValue(
          at.child("x-kubernetes-list-type"),
          listType,
          "must be atomic as item of a list with x-kubernetes-list-type=set",
        ),
      ]
    : [];
}

function validateKeys(schema: Schema, keys: readonly string[], at: Path): FieldError[] {
  if (keys.length === 0) return [required(at, "must not be empty if x-kubernetes-list-type is map")];
  const items = itemsOf(schema);
  const errors: FieldError[] = [];
  if (items?.type !== "object" || valuesOf(items)) {
    errors.push(
      invalidValue(
        at.child("items", "type"),
        items?.type ?? "",
        "must be object if parent array's x-kubernetes-list-type is map",
      ),
    );
    return errors;
  }
  keys.forEach((key, i) => {
    const property = items.properties?.[key];
    if (!property) {
      errors.push(invalidValue(at.index(i), key, "entries must all be names of item properties"));
    } else if (property.type === "object" || property.type === "array") {
      errors.push(
        invalidValue(
          at.index(i),
          property.type,
          "must be a scalar type if parent array's x-kubernetes-list-type is map",
        ),
      );
    } else if (!items.required?.includes(key) && property.default === undefined) {
      errors.push(
        required(
          at.index(i),
          "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
        ),
      );
    }
    if (keys.indexOf(key) !== i) errors.push(invalidValue(at.index(i), key, "key names must be unique"));
  });
  return errors;
}
