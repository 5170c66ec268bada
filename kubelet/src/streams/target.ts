import { badRequest, notFound } from "@coracle/shared/errors.ts";

/** A container of a pod on this node, as the kubelet's own book has it. */
export interface StreamContainer {
  readonly id: string;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly running: boolean;
}

/** What streams ask the kubelet's book; kept by the pod workers. */
export interface PodDirectory {
  /** The container's newest attempt, or with `previous` the one before. Undefined when there is none (yet). */
  container(uid: string, container: string, previous: boolean): StreamContainer | undefined;
  /** Why a container has not started, to tell who asks for its logs: `ContainerCreating`, `ImagePullBackOff`. */
  waitingReason(uid: string, container: string): string | undefined;
  /** The process id of the pod's sandbox, by which its network namespace is found; undefined when it has none. */
  sandboxPid(uid: string): number | undefined;
  /** The pod's address. */
  address(uid: string): string | undefined;
  has(uid: string): boolean;
  /** Resolves when the container runs again after the given instance; undefined when it will not. */
  successor(
    uid: string,
    container: string,
    after: string,
    signal: AbortSignal,
  ): Promise<StreamContainer | undefined>;
}

export interface ContainerTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
}

/** The container a stream is for. @throws ApiError 404 for an unknown pod, 400 for a container that has not started */
export function findContainer(
  pods: PodDirectory,
  target: ContainerTarget,
  previous = false,
): StreamContainer {
  if (!pods.has(target.uid)) throw notFound({ group: "", resource: "pods" }, target.pod);
  const found = pods.container(target.uid, target.container, previous);
  if (found) return found;
  if (previous)
    throw badRequest(`previous terminated container "${target.container}" in pod "${target.pod}" not found`);
  const reason = pods.waitingReason(target.uid, target.container);
  const suffix =
    reason === "ContainerCreating" || !reason
      ? "is waiting to start: ContainerCreating"
      : `is waiting to start: ${reason}`;
  throw badRequest(`container "${target.container}" in pod "${target.pod}" ${suffix}`);
}
