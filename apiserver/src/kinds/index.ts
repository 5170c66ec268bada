import type { Kind } from "../registry/kind.ts";
import { apiServices } from "./apiservices/kind.ts";
import { bindings } from "./bindings/kind.ts";
import { certificateSigningRequests } from "./certificatesigningrequests/kind.ts";
import { clusterRoleBindings } from "./clusterrolebindings/kind.ts";
import { clusterRoles } from "./clusterroles/kind.ts";
import { componentStatuses } from "./componentstatuses/kind.ts";
import { configMaps } from "./configmaps/kind.ts";
import { controllerRevisions } from "./controllerrevisions/kind.ts";
import { cronJobs } from "./cronjobs/kind.ts";
import { csiDrivers } from "./csidrivers/kind.ts";
import { csiNodes } from "./csinodes/kind.ts";
import { csiStorageCapacities } from "./csistoragecapacities/kind.ts";
import { customResourceDefinitions } from "./customresourcedefinitions/kind.ts";
import { daemonSets } from "./daemonsets/kind.ts";
import { deployments } from "./deployments/kind.ts";
import { deviceClasses } from "./deviceclasses/kind.ts";
import { endpoints } from "./endpoints/kind.ts";
import { endpointSlices } from "./endpointslices/kind.ts";
import { events, eventsV1 } from "./events/kind.ts";
import { flowSchemas } from "./flowschemas/kind.ts";
import { horizontalPodAutoscalers } from "./horizontalpodautoscalers/kind.ts";
import { ingressClasses } from "./ingressclasses/kind.ts";
import { ingresses } from "./ingresses/kind.ts";
import { ipAddresses } from "./ipaddresses/kind.ts";
import { jobs } from "./jobs/kind.ts";
import { leases } from "./leases/kind.ts";
import { limitRanges } from "./limitranges/kind.ts";
import { mutatingAdmissionPolicies } from "./mutatingadmissionpolicies/kind.ts";
import { mutatingAdmissionPolicyBindings } from "./mutatingadmissionpolicybindings/kind.ts";
import { mutatingWebhookConfigurations } from "./mutatingwebhookconfigurations/kind.ts";
import { namespaces } from "./namespaces/kind.ts";
import { networkPolicies } from "./networkpolicies/kind.ts";
import { nodes } from "./nodes/kind.ts";
import { persistentVolumeClaims } from "./persistentvolumeclaims/kind.ts";
import { persistentVolumes } from "./persistentvolumes/kind.ts";
import { podDisruptionBudgets } from "./poddisruptionbudgets/kind.ts";
import { pods } from "./pods/kind.ts";
import { podTemplates } from "./podtemplates/kind.ts";
import { priorityClasses } from "./priorityclasses/kind.ts";
import { priorityLevelConfigurations } from "./prioritylevelconfigurations/kind.ts";
import { replicaSets } from "./replicasets/kind.ts";
import { replicationControllers } from "./replicationcontrollers/kind.ts";
import { resourceClaims } from "./resourceclaims/kind.ts";
import { resourceClaimTemplates } from "./resourceclaimtemplates/kind.ts";
import { resourceQuotas } from "./resourcequotas/kind.ts";
import { resourceSlices } from "./resourceslices/kind.ts";
import { roleBindings } from "./rolebindings/kind.ts";
import { roles } from "./roles/kind.ts";
import { runtimeClasses } from "./runtimeclasses/kind.ts";
import { secrets } from "./secrets/kind.ts";
import { serviceAccounts } from "./serviceaccounts/kind.ts";
import { serviceCIDRs } from "./servicecidrs/kind.ts";
import { services } from "./services/kind.ts";
import { statefulSets } from "./statefulsets/kind.ts";
import { storageClasses } from "./storageclasses/kind.ts";
import { validatingAdmissionPolicies } from "./validatingadmissionpolicies/kind.ts";
import { validatingAdmissionPolicyBindings } from "./validatingadmissionpolicybindings/kind.ts";
import { validatingWebhookConfigurations } from "./validatingwebhookconfigurations/kind.ts";
import { volumeAttachments } from "./volumeattachments/kind.ts";
import { volumeAttributesClasses } from "./volumeattributesclasses/kind.ts";
import {
  tokenReviews,
  selfSubjectReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from "./virtual/reviews.ts";
import { nodeMetrics, podMetrics } from "./virtual/read-only.ts";

/** Every kind that is built in, group by group, in the order in which discovery lists them. */
export const kinds: readonly Kind[] = [
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
  apiServices,
  controllerRevisions,
  daemonSets,
  deployments,
  replicaSets,
  statefulSets,
  eventsV1,
  tokenReviews,
  selfSubjectReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  horizontalPodAutoscalers,
  cronJobs,
  jobs,
  certificateSigningRequests,
  ingressClasses,
  ingresses,
  ipAddresses,
  networkPolicies,
  serviceCIDRs,
  podDisruptionBudgets,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
  customResourceDefinitions,
  priorityClasses,
  leases,
  runtimeClasses,
  endpointSlices,
  flowSchemas,
  priorityLevelConfigurations,
  deviceClasses,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
  nodeMetrics,
  podMetrics,
];
