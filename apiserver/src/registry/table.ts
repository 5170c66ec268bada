import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Column, Kind } from "./kind.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
  readonly version: string;
  readonly include: IncludeObject;
  readonly now: Date;
}

/** Column headers as clients read them. */
export const columnDefinitions = (kind: Kind): object[] =>
  kind.columns.map((column) => ({
    name: column.name,
    type: column.type,
    format: column.format ?? "",
    description: column.description ?? "",
    priority: column.priority ?? 0,
  }));

/** One line of `kubectl get`. `shown` is the object in the served version, for `includeObject=Object`. */
export function tableRow(
  kind: Kind,
  stored: KubeObject,
  shown: () => KubeObject,
  options: TableOptions,
): object {
  const cells = kind.columns.map((column) => cell(column, stored, options.now));
  if (options.include === "None") return { cells, object: null };
  return {
    cells,
    object: options.include === "Object" ? shown() : partialMetadata(stored, options.version),
  };
}

function cell(column: Column, object: KubeObject, now: Date): string | number | boolean | null {
  return (column.value as (o: KubeObject, now: Date) => ReturnType<Column["value"]>)(object, now) ?? null;
}

export const tableOf = (
  version: string,
  metadata: object,
  columns: readonly object[],
  rows: readonly object[],
): object => ({
  kind: "Table",
  apiVersion: `meta.k8s.io/${version}`,
  metadata,
  columnDefinitions: columns,
  rows,
});

/** An object of which only the metadata travels. */
export const partialMetadata = (object: KubeObject, version: string): object => ({
  kind: "PartialObjectMetadata",
  apiVersion: `meta.k8s.io/${version}`,
  metadata: object.metadata,
});
