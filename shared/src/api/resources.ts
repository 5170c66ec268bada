/** Typed handles of the kinds the API serves: what a client needs to know to build a path and to type the answer. */
import type {
  Pod,
  Node,
  Namespace,
  Service,
  Endpoints,
  ConfigMap,
  Secret,
  Event as CoreEvent,
  ServiceAccount,
  PersistentVolume,
  PersistentVolumeClaim,
  LimitRange,
  ResourceQuota,
  PodTemplate,
  ReplicationController,
  Binding,
  ComponentStatus,
} from "./generated/core-v1.ts";
import type {
  Deployment,
  ReplicaSet,
  DaemonSet,
  StatefulSet,
  ControllerRevision,
} from "./generated/apps-v1.ts";
import type { Job, CronJob } from "./generated/batch-v1.ts";
import type { EndpointSlice } from "./generated/discovery-v1.ts";
import type {
  Ingress,
  IngressClass,
  NetworkPolicy,
  IPAddress,
  ServiceCIDR,
} from "./generated/networking-v1.ts";
import type { PodDisruptionBudget, Eviction } from "./generated/policy-v1.ts";
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from "./generated/autoscaling-v1.ts";
import type { HorizontalPodAutoscaler } from "./generated/autoscaling-v2.ts";
import type { Role, RoleBinding, ClusterRole, ClusterRoleBinding } from "./generated/rbac-v1.ts";
import type {
  StorageClass,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  VolumeAttachment,
  VolumeAttributesClass,
} from "./generated/storage-v1.ts";
import type { PriorityClass } from "./generated/scheduling-v1.ts";
import type { Lease } from "./generated/coordination-v1.ts";
import type { Event as EventV1 } from "./generated/events-v1.ts";
import type { RuntimeClass } from "./generated/node-v1.ts";
import type { CertificateSigningRequest } from "./generated/certificates-v1.ts";
import type { TokenReview, SelfSubjectReview } from "./generated/authentication-v1.ts";
import type {
  SubjectAccessReview,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
} from "./generated/authorization-v1.ts";
import type {
  ValidatingWebhookConfiguration,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
} from "./generated/admissionregistration-v1.ts";
import type { CustomResourceDefinition } from "./generated/apiextensions-v1.ts";
import type { APIService } from "./generated/apiregistration-v1.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "./generated/flowcontrol-v1.ts";
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from "./generated/resource-v1.ts";
import type { NodeMetrics, PodMetrics } from "./generated/metrics-v1beta1.ts";

export interface Resource<T> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Phantom: carries the object's type, never a value. */
  readonly _type?: T;
}

/** The object type a handle stands for. */
export type ObjectOf<R> = R extends Resource<infer T> ? T : never;

/** `apps/v1`, or `v1` for the core group. */
export const apiVersionOf = (resource: Pick<Resource<unknown>, "group" | "version">): string =>
  resource.group ? `${resource.group}/${resource.version}` : resource.version;

/** The storage name: `deployments.apps`, or `pods` for the core group. */
export const storageNameOf = (resource: Pick<Resource<unknown>, "group" | "plural">): string =>
  resource.group ? `${resource.plural}.${resource.group}` : resource.plural;

const define = <T>(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced: boolean,
): Resource<T> => ({
  group,
  version,
  plural,
  kind,
  namespaced,
});

export const pods: Resource<Pod> = define("", "v1", "pods", "Pod", true);
export const nodes: Resource<Node> = define("", "v1", "nodes", "Node", false);
export const namespaces: Resource<Namespace> = define("", "v1", "namespaces", "Namespace", false);
export const services: Resource<Service> = define("", "v1", "services", "Service", true);
export const endpoints: Resource<Endpoints> = define("", "v1", "endpoints", "Endpoints", true);
export const configMaps: Resource<ConfigMap> = define("", "v1", "configmaps", "ConfigMap", true);
export const secrets: Resource<Secret> = define("", "v1", "secrets", "Secret", true);
export const events: Resource<CoreEvent> = define("", "v1", "events", "Event", true);
export const serviceAccounts: Resource<ServiceAccount> = define(
  "",
  "v1",
  "serviceaccounts",
  "ServiceAccount",
  true,
);
export const persistentVolumes: Resource<PersistentVolume> = define(
  "",
  "v1",
  "persistentvolumes",
  "PersistentVolume",
  false,
);
export const persistentVolumeClaims: Resource<PersistentVolumeClaim> = define(
  "",
  "v1",
  "persistentvolumeclaims",
  "PersistentVolumeClaim",
  true,
);
export const limitRanges: Resource<LimitRange> = define("", "v1", "limitranges", "LimitRange", true);
export const resourceQuotas: Resource<ResourceQuota> = define(
  "",
  "v1",
  "resourcequotas",
  "ResourceQuota",
  true,
);
export const podTemplates: Resource<PodTemplate> = define("", "v1", "podtemplates", "PodTemplate", true);
export const replicationControllers: Resource<ReplicationController> = define(
  "",
  "v1",
  "replicationcontrollers",
  "ReplicationController",
  true,
);
export const bindings: Resource<Binding> = define("", "v1", "bindings", "Binding", true);
export const componentStatuses: Resource<ComponentStatus> = define(
  "",
  "v1",
  "componentstatuses",
  "ComponentStatus",
  false,
);
export const deployments: Resource<Deployment> = define("apps", "v1", "deployments", "Deployment", true);
export const replicaSets: Resource<ReplicaSet> = define("apps", "v1", "replicasets", "ReplicaSet", true);
export const daemonSets: Resource<DaemonSet> = define("apps", "v1", "daemonsets", "DaemonSet", true);
export const statefulSets: Resource<StatefulSet> = define("apps", "v1", "statefulsets", "StatefulSet", true);
export const controllerRevisions: Resource<ControllerRevision> = define(
  "apps",
  "v1",
  "controllerrevisions",
  "ControllerRevision",
  true,
);
export const jobs: Resource<Job> = define("batch", "v1", "jobs", "Job", true);
export const cronJobs: Resource<CronJob> = define("batch", "v1", "cronjobs", "CronJob", true);
export const endpointSlices: Resource<EndpointSlice> = define(
  "discovery.k8s.io",
  "v1",
  "endpointslices",
  "EndpointSlice",
  true,
);
export const ingresses: Resource<Ingress> = define("networking.k8s.io", "v1", "ingresses", "Ingress", true);
export const ingressClasses: Resource<IngressClass> = define(
  "networking.k8s.io",
  "v1",
  "ingressclasses",
  "IngressClass",
  false,
);
export const networkPolicies: Resource<NetworkPolicy> = define(
  "networking.k8s.io",
  "v1",
  "networkpolicies",
  "NetworkPolicy",
  true,
);
export const ipAddresses: Resource<IPAddress> = define(
  "networking.k8s.io",
  "v1",
  "ipaddresses",
  "IPAddress",
  false,
);
export const serviceCIDRs: Resource<ServiceCIDR> = define(
  "networking.k8s.io",
  "v1",
  "servicecidrs",
  "ServiceCIDR",
  false,
);
export const podDisruptionBudgets: Resource<PodDisruptionBudget> = define(
  "policy",
  "v1",
  "poddisruptionbudgets",
  "PodDisruptionBudget",
  true,
);
export const evictions: Resource<Eviction> = define("policy", "v1", "evictions", "Eviction", true);
export const horizontalPodAutoscalersV1: Resource<HorizontalPodAutoscalerV1> = define(
  "autoscaling",
  "v1",
  "horizontalpodautoscalers",
  "HorizontalPodAutoscaler",
  true,
);
export const horizontalPodAutoscalers: Resource<HorizontalPodAutoscaler> = define(
  "autoscaling",
  "v2",
  "horizontalpodautoscalers",
  "HorizontalPodAutoscaler",
  true,
);
export const roles: Resource<Role> = define("rbac.authorization.k8s.io", "v1", "roles", "Role", true);
export const roleBindings: Resource<RoleBinding> = define(
  "rbac.authorization.k8s.io",
  "v1",
  "rolebindings",
  "RoleBinding",
  true,
);
export const clusterRoles: Resource<ClusterRole> = define(
  "rbac.authorization.k8s.io",
  "v1",
  "clusterroles",
  "ClusterRole",
  false,
);
export const clusterRoleBindings: Resource<ClusterRoleBinding> = define(
  "rbac.authorization.k8s.io",
  "v1",
  "clusterrolebindings",
  "ClusterRoleBinding",
  false,
);
export const storageClasses: Resource<StorageClass> = define(
  "storage.k8s.io",
  "v1",
  "storageclasses",
  "StorageClass",
  false,
);
export const csiDrivers: Resource<CSIDriver> = define(
  "storage.k8s.io",
  "v1",
  "csidrivers",
  "CSIDriver",
  false,
);
export const csiNodes: Resource<CSINode> = define("storage.k8s.io", "v1", "csinodes", "CSINode", false);
export const csiStorageCapacities: Resource<CSIStorageCapacity> = define(
  "storage.k8s.io",
  "v1",
  "csistoragecapacities",
  "CSIStorageCapacity",
  true,
);
export const volumeAttachments: Resource<VolumeAttachment> = define(
  "storage.k8s.io",
  "v1",
  "volumeattachments",
  "VolumeAttachment",
  false,
);
export const volumeAttributesClasses: Resource<VolumeAttributesClass> = define(
  "storage.k8s.io",
  "v1",
  "volumeattributesclasses",
  "VolumeAttributesClass",
  false,
);
export const priorityClasses: Resource<PriorityClass> = define(
  "scheduling.k8s.io",
  "v1",
  "priorityclasses",
  "PriorityClass",
  false,
);
export const leases: Resource<Lease> = define("coordination.k8s.io", "v1", "leases", "Lease", true);
export const eventsV1: Resource<EventV1> = define("events.k8s.io", "v1", "events", "Event", true);
export const runtimeClasses: Resource<RuntimeClass> = define(
  "node.k8s.io",
  "v1",
  "runtimeclasses",
  "RuntimeClass",
  false,
);
export const certificateSigningRequests: Resource<CertificateSigningRequest> = define(
  "certificates.k8s.io",
  "v1",
  "certificatesigningrequests",
  "CertificateSigningRequest",
  false,
);
export const tokenReviews: Resource<TokenReview> = define(
  "authentication.k8s.io",
  "v1",
  "tokenreviews",
  "TokenReview",
  false,
);
export const selfSubjectReviews: Resource<SelfSubjectReview> = define(
  "authentication.k8s.io",
  "v1",
  "selfsubjectreviews",
  "SelfSubjectReview",
  false,
);
export const subjectAccessReviews: Resource<SubjectAccessReview> = define(
  "authorization.k8s.io",
  "v1",
  "subjectaccessreviews",
  "SubjectAccessReview",
  false,
);
export const localSubjectAccessReviews: Resource<LocalSubjectAccessReview> = define(
  "authorization.k8s.io",
  "v1",
  "localsubjectaccessreviews",
  "LocalSubjectAccessReview",
  true,
);
export const selfSubjectAccessReviews: Resource<SelfSubjectAccessReview> = define(
  "authorization.k8s.io",
  "v1",
  "selfsubjectaccessreviews",
  "SelfSubjectAccessReview",
  false,
);
export const selfSubjectRulesReviews: Resource<SelfSubjectRulesReview> = define(
  "authorization.k8s.io",
  "v1",
  "selfsubjectrulesreviews",
  "SelfSubjectRulesReview",
  false,
);
export const validatingWebhookConfigurations: Resource<ValidatingWebhookConfiguration> = define(
  "admissionregistration.k8s.io",
  "v1",
  "validatingwebhookconfigurations",
  "ValidatingWebhookConfiguration",
  false,
);
export const mutatingWebhookConfigurations: Resource<MutatingWebhookConfiguration> = define(
  "admissionregistration.k8s.io",
  "v1",
  "mutatingwebhookconfigurations",
  "MutatingWebhookConfiguration",
  false,
);
export const validatingAdmissionPolicies: Resource<ValidatingAdmissionPolicy> = define(
  "admissionregistration.k8s.io",
  "v1",
  "validatingadmissionpolicies",
  "ValidatingAdmissionPolicy",
  false,
);
export const validatingAdmissionPolicyBindings: Resource<ValidatingAdmissionPolicyBinding> = define(
  "admissionregistration.k8s.io",
  "v1",
  "validatingadmissionpolicybindings",
  "ValidatingAdmissionPolicyBinding",
  false,
);
export const mutatingAdmissionPolicies: Resource<MutatingAdmissionPolicy> = define(
  "admissionregistration.k8s.io",
  "v1",
  "mutatingadmissionpolicies",
  "MutatingAdmissionPolicy",
  false,
);
export const mutatingAdmissionPolicyBindings: Resource<MutatingAdmissionPolicyBinding> = define(
  "admissionregistration.k8s.io",
  "v1",
  "mutatingadmissionpolicybindings",
  "MutatingAdmissionPolicyBinding",
  false,
);
export const customResourceDefinitions: Resource<CustomResourceDefinition> = define(
  "apiextensions.k8s.io",
  "v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
  false,
);
export const apiServices: Resource<APIService> = define(
  "apiregistration.k8s.io",
  "v1",
  "apiservices",
  "APIService",
  false,
);
export const flowSchemas: Resource<FlowSchema> = define(
  "flowcontrol.apiserver.k8s.io",
  "v1",
  "flowschemas",
  "FlowSchema",
  false,
);
export const priorityLevelConfigurations: Resource<PriorityLevelConfiguration> = define(
  "flowcontrol.apiserver.k8s.io",
  "v1",
  "prioritylevelconfigurations",
  "PriorityLevelConfiguration",
  false,
);
export const deviceClasses: Resource<DeviceClass> = define(
  "resource.k8s.io",
  "v1",
  "deviceclasses",
  "DeviceClass",
  false,
);
export const resourceClaims: Resource<ResourceClaim> = define(
  "resource.k8s.io",
  "v1",
  "resourceclaims",
  "ResourceClaim",
  true,
);
export const resourceClaimTemplates: Resource<ResourceClaimTemplate> = define(
  "resource.k8s.io",
  "v1",
  "resourceclaimtemplates",
  "ResourceClaimTemplate",
  true,
);
export const resourceSlices: Resource<ResourceSlice> = define(
  "resource.k8s.io",
  "v1",
  "resourceslices",
  "ResourceSlice",
  false,
);
export const nodeMetrics: Resource<NodeMetrics> = define(
  "metrics.k8s.io",
  "v1beta1",
  "nodes",
  "NodeMetrics",
  false,
);
export const podMetrics: Resource<PodMetrics> = define(
  "metrics.k8s.io",
  "v1beta1",
  "pods",
  "PodMetrics",
  true,
);
