import { hostname } from "node:os";
import type { Runtime, RuntimeContainer } from "../runtime/runtime.ts";

/** The container this kubelet runs in; its host name is its id. Undefined outside of a container. */
export const ownContainer = (runtime: Runtime): Promise<RuntimeContainer | undefined> =>
  runtime.inspect(hostname());

/**
 * The node's name: given, or `node-<compose replica number>`, so that a re-created container is the same node again.
 * @throws Error when there is neither
 */
export function nodeNameOf(env: NodeJS.ProcessEnv, own: RuntimeContainer | undefined): string {
  const given = env["CORACLE_NODE_NAME"];
  if (given) return given;
  const number = own?.labels["com.docker.compose.container-number"];
  if (number) return `node-${number}`;
  throw new Error("the node has no name: set CORACLE_NODE_NAME, or run it as a compose service");
}
