import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { defineKind, type ColumnDeclaration } from "../kind.ts";
import { writeOptions, type WriteOptions } from "../options.ts";
import { readBody } from "../read-body.ts";
import type { Call, Registry } from "../registry.ts";
import { createResourceTable, type ServedResource } from "../resources.ts";

/** A kind that only travels in the bodies of a subresource: Scale, Eviction, TokenRequest, Binding. */
export function bodyKind<T>(
  group: string,
  version: string,
  kind: string,
  columns?: readonly ColumnDeclaration<T>[],
): ServedResource {
  const declared = defineKind<T>({
    group,
    versions: [version],
    kind,
    namespaced: true,
    ...(columns ? { columns } : {}),
  });
  const served = createResourceTable([declared]).find(group, version, declared.plural);
  if (!served) throw new Error(`there is no ${kind}`);
  return served;
}

/** Reads a POSTed body of such a kind. */
export function readAction(
  registry: Registry,
  { request, warn }: Call,
  served: ServedResource,
  alias?: string,
): { readonly body: KubeObject; readonly options: WriteOptions } {
  const options = writeOptions(request, "CreateOptions");
  const body = readBody(request, served, options.fieldValidation, {
    resources: registry.resources,
    warn,
    alias,
  });
  return { body, options };
}
