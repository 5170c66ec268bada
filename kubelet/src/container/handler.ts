/** RuntimeClass: which of the engine's ways of running containers a pod gets. */
import type { Pod } from "@coracle/shared/api/generated/core-v1.ts";
import type { RuntimeClass } from "@coracle/shared/api/generated/node-v1.ts";

export interface Handlers {
  readonly classOf: (name: string) => RuntimeClass | undefined;
  /** The handlers the engine has. */
  readonly known: readonly string[];
}

/**
 * Undefined: the engine's default.
 * @throws Error for a class that is gone, or that wants what this node does not have
 */
export function runtimeHandler({ spec }: Pod, { classOf, known }: Handlers): string | undefined {
  const name = spec?.runtimeClassName;
  if (!name) return undefined;
  const found = classOf(name);
  if (!found) throw new Error(`runtimeclass.node.k8s.io "${name}" not found`);
  if (known.includes(found.handler)) return found.handler;
  throw new Error(`failed to get sandbox runtime: no runtime for "${found.handler}" is configured`);
}
