import { get } from "./api.ts";
import { services } from "./compose.ts";
import { UserError } from "./exec.ts";
import { cluster, kubeconfigPath } from "./paths.ts";

interface Condition {
  readonly type: string;
  readonly status: string;
}
interface Listed {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly nodeName?: string };
    readonly status?: { readonly phase?: string; readonly conditions?: readonly Condition[] };
  }[];
}

const hasCondition = (item: Listed["items"][number], type: string): boolean =>
  item.status?.conditions?.some((condition) => condition.type === type && condition.status === "True") ===
  true;

/** Shows the cluster's processes, nodes and pods. Throws when something is not as it should be. */
export async function status(): Promise<void> {
  const containers = await services();
  if (containers.length === 0) throw new UserError(`There is no cluster "${cluster}". Try ./coracle up`);
  const width = Math.max(...containers.map(({ Name }) => Name.length));
  for (const { Name, Status } of containers) console.log(`${Name.padEnd(width)}  ${Status}`);

  const [nodes, pods] = await Promise.all([get<Listed>("/api/v1/nodes"), get<Listed>("/api/v1/pods")]);
  console.log("");
  for (const node of nodes.items) {
    const { name } = node.metadata;
    const here = pods.items.filter((pod) => pod.spec.nodeName === name);
    const ready = here.filter((pod) => hasCondition(pod, "Ready")).length;
    console.log(
      `${name}  ${hasCondition(node, "Ready") ? "Ready" : "NotReady"}  ${ready} of ${here.length} pods ready`,
    );
  }
  const unscheduled = pods.items.filter((pod) => pod.spec.nodeName === undefined).length;
  if (unscheduled > 0) console.log(`${unscheduled} pods wait for a node`);
  console.log(`\nexport KUBECONFIG=${kubeconfigPath}`);
  if (!nodes.items.every((node) => hasCondition(node, "Ready")))
    throw new UserError("Not every node is Ready.");
}
