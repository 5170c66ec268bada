import type { ObjectMeta } from "@coracle/shared/api/generated/meta-v1.ts";
import type { Informer } from "@coracle/shared/informer/informer.ts";
import type { Selector } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { controllerOf } from "@coracle/shared/meta/owners.ts";
import { inNamespace } from "./index-by.ts";

const sameLabels = (a: KubeObject, b: KubeObject): boolean =>
  JSON.stringify(a.metadata.labels) === JSON.stringify(b.metadata.labels);

/**
 * The owners that might adopt `object`: those of its namespace whose selector matches it while nobody controls it. Asked on its
 * arrival, when its labels change and when its controller lets go of it; any other change cannot alter who may adopt it.
 */
export function keysOfOrphan<O extends { metadata: ObjectMeta }>(
  object: KubeObject,
  old: KubeObject | undefined,
  owners: Informer<O>,
  selectorFor: (owner: O) => Selector,
): string[] {
  if (controllerOf(object) || object.metadata.deletionTimestamp !== undefined) return [];
  if (old && sameLabels(object, old) && !controllerOf(old)) return [];
  return inNamespace(owners, object.metadata.namespace)
    .filter((owner) => selectorFor(owner).matches(object.metadata.labels))
    .map((owner) => keyOf(owner));
}
