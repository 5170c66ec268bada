import type { PolicyRule } from "@coracle/shared/api/generated/rbac-v1.ts";
import type { RoleDeclaration } from "./bootstrap-roles.ts";
import { may, mayAt, read, writeEvents } from "./bootstrap-rule.ts";

/** What kubelets may do; the node authorizer narrows it to the objects of their pods (node.ts), and NodeRestriction what they may write. */
export const nodeRules: readonly PolicyRule[] = [
  may("create", "authentication.k8s.io", "tokenreviews"),
  may("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
  may(read, "core", "services"),
  may("create get list watch", "core", "nodes"),
  may("patch update", "core", "nodes/status"),
  may("patch update", "core", "nodes"),
  writeEvents,
  may(read, "core", "pods"),
  may("create delete", "core", "pods"),
  may("patch update", "core", "pods/status"),
  may("create", "core", "pods/eviction"),
  may(read, "core", "configmaps secrets"),
  may("get", "core", "persistentvolumeclaims persistentvolumes"),
  may("get patch update", "core", "persistentvolumeclaims/status"),
  may("get", "core", "serviceaccounts"),
  may("create", "core", "serviceaccounts/token"),
  may(read, "core", "namespaces"),
  may("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
  may(read, "certificates.k8s.io", "clustertrustbundles"),
  may("create delete get patch update", "coordination.k8s.io", "leases"),
  may("get", "storage.k8s.io", "volumeattachments"),
  may(read, "storage.k8s.io", "csidrivers storageclasses"),
  may("create delete get patch update", "storage.k8s.io", "csinodes"),
  may(read, "node.k8s.io", "runtimeclasses"),
  may("get", "resource.k8s.io", "resourceclaims"),
  may("deletecollection", "resource.k8s.io", "resourceslices"),
];

const delegatedAuth = [
  may("create", "authentication.k8s.io", "tokenreviews"),
  may("create", "authorization.k8s.io", "subjectaccessreviews"),
];
const signer = (verbs: string, name: string): PolicyRule =>
  may(verbs, "certificates.k8s.io", "signers", name);

export const componentRoles: readonly RoleDeclaration[] = [
  { name: "system:node", rules: nodeRules },
  {
    name: "system:node-problem-detector",
    rules: [may("get", "core", "nodes"), may("patch", "core", "nodes/status"), writeEvents],
  },
  {
    name: "system:node-proxier",
    rules: [
      may("list watch", "core", "endpoints services"),
      may(read, "core", "nodes"),
      writeEvents,
      may("list watch", "discovery.k8s.io", "endpointslices"),
      may(read, "networking.k8s.io", "servicecidrs"),
    ],
  },
  {
    name: "system:kubelet-api-admin",
    rules: [
      may(read, "core", "nodes"),
      may("proxy", "core", "nodes"),
      may(
        "*",
        "core",
        "nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
      ),
    ],
  },
  {
    name: "system:node-bootstrapper",
    rules: [may("create get list watch", "certificates.k8s.io", "certificatesigningrequests")],
  },
  { name: "system:auth-delegator", rules: delegatedAuth },
  { name: "system:kube-aggregator", rules: [may(read, "core", "endpoints services")] },
  {
    name: "system:kube-controller-manager",
    rules: [
      writeEvents,
      may("create", "coordination.k8s.io", "leases"),
      may("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
      may("create", "core", "secrets serviceaccounts"),
      may("delete", "core", "secrets"),
      may("get", "core", "configmaps namespaces secrets serviceaccounts"),
      may("update", "core", "secrets serviceaccounts"),
      ...delegatedAuth,
      may("list watch", "*", "*"),
      may("create", "core", "serviceaccounts/token"),
    ],
  },
  {
    name: "system:kube-scheduler",
    rules: [
      writeEvents,
      may("create", "coordination.k8s.io", "leases"),
      may("get list update watch", "coordination.k8s.io", "leases", "kube-scheduler"),
      may("create list watch", "coordination.k8s.io", "leasecandidates"),
      may(read, "core", "nodes"),
      may("delete get list watch", "core", "pods"),
      may("create", "core", "bindings pods/binding"),
      may("patch update", "core", "pods/status"),
      may(read, "core", "replicationcontrollers services namespaces"),
      may(read, "apps extensions", "replicasets"),
      may(read, "apps", "statefulsets"),
      may(read, "policy", "poddisruptionbudgets"),
      may(read, "core", "persistentvolumeclaims persistentvolumes"),
      ...delegatedAuth,
      may(
        read,
        "storage.k8s.io",
        "csidrivers csinodes csistoragecapacities storageclasses volumeattachments",
      ),
      may(read, "resource.k8s.io", "deviceclasses resourceclaims resourceslices"),
      may("patch update", "resource.k8s.io", "resourceclaims resourceclaims/binding resourceclaims/status"),
      may(read, "scheduling.k8s.io", "priorityclasses"),
    ],
  },
  {
    name: "system:volume-scheduler",
    rules: [
      may("get list patch update watch", "core", "persistentvolumes"),
      may(read, "storage.k8s.io", "storageclasses"),
      may("get list patch update watch", "core", "persistentvolumeclaims"),
    ],
  },
  { name: "system:kube-dns", rules: [may("list watch", "core", "endpoints services")] },
  {
    name: "system:persistent-volume-provisioner",
    rules: [
      may("create delete get list watch", "core", "persistentvolumes"),
      may("get list update watch", "core", "persistentvolumeclaims"),
      may(read, "storage.k8s.io", "storageclasses"),
      may("watch", "core", "events"),
      writeEvents,
    ],
  },
  {
    name: "system:heapster",
    rules: [may(read, "core", "events namespaces nodes pods"), may(read, "extensions", "deployments")],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
    rules: [may("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient")],
  },
  {
    name: "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
    rules: [may("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient")],
  },
  {
    name: "system:certificates.k8s.io:legacy-unknown-approver",
    rules: [signer("approve", "kubernetes.io/legacy-unknown")],
  },
  {
    name: "system:certificates.k8s.io:kubelet-serving-approver",
    rules: [signer("approve", "kubernetes.io/kubelet-serving")],
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-approver",
    rules: [signer("approve", "kubernetes.io/kube-apiserver-client")],
  },
  {
    name: "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver",
    rules: [signer("approve", "kubernetes.io/kube-apiserver-client-kubelet")],
  },
  // What this cluster's own components do beyond upstream's.
  {
    name: "system:coracle:network",
    rules: [
      may(read, "core", "namespaces nodes pods services"),
      may(read, "networking.k8s.io", "networkpolicies"),
      may(read, "discovery.k8s.io", "endpointslices"),
    ],
  },
  {
    // Who asks what changed is then judged by list and watch of the resource.
    name: "system:coracle:changes",
    rules: [mayAt("get", "/coracle/v1/changes")],
  },
  {
    name: "system:coracle:addon-manager",
    rules: [may("*", "*", "*"), mayAt("*", "*")],
  },
];
