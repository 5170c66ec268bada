import type { Container } from "@coracle/shared/api/generated/core-v1.ts";
import type { LabelSelector, ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import type { ColumnDeclaration } from "../../registry/kind.ts";
import { since } from "./duration.ts";
import { labelsText, selectorText } from "./selector.ts";

interface HasMeta {
  metadata: ObjectMeta;
}
type Value<T> = ColumnDeclaration<T>["value"];

/** Columns of `kubectl get`: what upstream shows for a kind, in its order. */
export const nameColumn: ColumnDeclaration<HasMeta> = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name of the object, unique within its namespace",
  value: (o) => o.metadata.name ?? "",
};
export const ageColumn: ColumnDeclaration<HasMeta> = {
  name: "Age",
  type: "string",
  description: "Time since the object was created",
  value: (o, now) => since(o.metadata.creationTimestamp, now),
};

export const column = <T>(name: string, value: Value<T>): ColumnDeclaration<T> => ({
  name,
  type: "string",
  value,
});
export const integerColumn = <T>(
  name: string,
  value: (object: T, now: Date) => number,
): ColumnDeclaration<T> => ({
  name,
  type: "integer",
  value,
});
export const booleanColumn = <T>(name: string, value: Value<T>): ColumnDeclaration<T> => ({
  name,
  type: "boolean",
  value,
});
/** Shown with `-o wide` only. */
export const wide = <T>(declaration: ColumnDeclaration<T>): ColumnDeclaration<T> => ({
  ...declaration,
  priority: 1,
});

export const none = "<none>";
export const orNone = (text: string | undefined): string => text || none;

/** The wide columns of a workload: its containers' names and images. */
export const containerColumns = <T>(
  containers: (object: T) => readonly Container[] | undefined,
): ColumnDeclaration<T>[] => [
  wide(column("Containers", (o) => (containers(o) ?? []).map((c) => c.name).join(","))),
  wide(column("Images", (o) => (containers(o) ?? []).map((c) => c.image ?? "").join(","))),
];

export const selectorCell = (selector: LabelSelector | undefined): string => orNone(selectorText(selector));
export const labelsCell = (labels: Record<string, string> | undefined): string => orNone(labelsText(labels));
