import type { Kind } from "../registry/kind.ts";
import { configMaps } from "./configmaps/kind.ts";
import { daemonSets } from "./daemonsets/kind.ts";
import { deployments } from "./deployments/kind.ts";
import { endpoints } from "./endpoints/kind.ts";
import { endpointSlices } from "./endpointslices/kind.ts";
import { events, eventsV1 } from "./events/kind.ts";
import { ipAddresses } from "./ipaddresses/kind.ts";
import { leases } from "./leases/kind.ts";
import { namespaces } from "./namespaces/kind.ts";
import { nodes } from "./nodes/kind.ts";
import { pods } from "./pods/kind.ts";
import { replicaSets } from "./replicasets/kind.ts";
import { secrets } from "./secrets/kind.ts";
import { serviceAccounts } from "./serviceaccounts/kind.ts";
import { serviceCIDRs } from "./servicecidrs/kind.ts";
import { services } from "./services/kind.ts";

/** Every kind the API serves, in the order in which discovery lists them. */
export const kinds: readonly Kind[] = [
  configMaps,
  endpoints,
  events,
  namespaces,
  nodes,
  pods,
  secrets,
  serviceAccounts,
  services,
  daemonSets,
  deployments,
  replicaSets,
  leases,
  endpointSlices,
  eventsV1,
  ipAddresses,
  serviceCIDRs,
];
