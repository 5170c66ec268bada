import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import { services } from "@coracle/shared/api/resources.ts";
import type { ControllerContext } from "@coracle/shared/controller/controller.ts";
import { selectorFromMap } from "@coracle/shared/meta/labels.ts";
import { keyOf, type KubeObject } from "@coracle/shared/meta/object.ts";
import { inNamespace } from "../ownership/index-by.ts";
import { backendChanged } from "./endpointslice/backends.ts";

/** The Services whose endpoints a pod's change may alter: those that select it, and those that did. */
export function* servicesOfPod(
  object: KubeObject,
  before: KubeObject | undefined,
  ctx: ControllerContext,
): Iterable<string> {
  const [pod, old] = [object as Pod, before as Pod | undefined];
  if (old && !backendChanged(pod, old)) return;
  for (const service of inNamespace(ctx.informers.for(services), pod.metadata.namespace)) {
    const selector = selectorFromMap(service.spec?.selector);
    if (selector.isEverything) continue;
    if (selector.matches(pod.metadata.labels) || (old && selector.matches(old.metadata.labels)))
      yield keyOf(service);
  }
}
