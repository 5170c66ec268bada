import type { CustomResourceColumnDefinition } from "@coracle/shared/api/generated/apiextensions-v1.ts";
import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { since } from "../kinds/shared/duration.ts";
import { nameColumn } from "../kinds/shared/columns.ts";
import type { ColumnDeclaration } from "../registry/kind.ts";
import { parseJsonPath } from "./jsonpath.ts";

type Cell = ReturnType<ColumnDeclaration<KubeObject>["value"]>;

const age: CustomResourceColumnDefinition = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description:
    "Time at which the object was created, in UTC; what it is part of may have been created at other times",
};

/** The columns of `kubectl get`: the name, and what the definition asks for (the age when it asks for nothing). */
export const columnsOf = (
  declared: readonly CustomResourceColumnDefinition[] | undefined,
): ColumnDeclaration<KubeObject>[] => [
  nameColumn,
  ...(declared?.length ? declared : [age]).map((column) => columnOf(column)),
];

function columnOf(column: CustomResourceColumnDefinition): ColumnDeclaration<KubeObject> {
  const path = parseJsonPath(column.jsonPath);
  return {
    name: column.name,
    type: column.type as ColumnDeclaration<KubeObject>["type"],
    ...(column.format ? { format: column.format } : {}),
    description: column.description ?? "",
    priority: column.priority ? 1 : 0,
    value: (object, now) => cell(column.type, path.find(object), now),
  };
}

function cell(type: string, found: readonly unknown[], now: Date): Cell {
  const [value] = found;
  if (value === undefined || value === null) return null;
  switch (type) {
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date":
      if (typeof value !== "string") return null;
      return Number.isNaN(Date.parse(value)) ? "<invalid>" : since(value, now);
    default:
      return found.map(text).join(" ");
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
