/** A valid object of every stored kind, as short as it can be: `kind.group` to everything but apiVersion, kind and metadata. */
const labels = { app: "web" };
const selector = { matchLabels: labels };
const pod = { containers: [{ name: "app", image: "nginx:1" }] };
const template = { metadata: { labels }, spec: pod };
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const request = base64("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
const rule = {
  operations: ["CREATE"],
  apiGroups: ["example.com"],
  apiVersions: ["v1"],
  resources: ["things"],
};
const webhook = {
  name: "check.example.com",
  clientConfig: { service: { namespace: "default", name: "check" } },
  rules: [rule],
  sideEffects: "None",
  admissionReviewVersions: ["v1"],
};
const storage = { accessModes: ["ReadWriteOnce"] };
const role = [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }];
const view = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sample" };
const deviceRequest = { name: "gpu", exactly: { deviceClassName: "sample" } };
const matchConstraints = { resourceRules: [rule] };

export interface Sample {
  readonly name?: string;
  readonly body: object;
  /** The server writes its status, soon after it is made. */
  readonly judged?: object;
}

export const samples: Readonly<Record<string, Sample>> = {
  "ConfigMap.": { body: { data: { a: "1" }, binaryData: { b: base64("\0") } } },
  "Endpoints.": { body: { subsets: [{ addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80 }] }] } },
  "Event.": {
    body: {
      involvedObject: { kind: "Pod", name: "a", namespace: "default" },
      reason: "Started",
      type: "Normal",
    },
  },
  "LimitRange.": { body: { spec: { limits: [{ type: "Container", max: { cpu: "2" } }] } } },
  "Namespace.": { body: {} },
  "Node.": {
    body: { spec: { podCIDR: "10.244.9.0/24" }, status: { capacity: { cpu: "0.5", memory: "1024Mi" } } },
  },
  "PersistentVolumeClaim.": {
    body: { spec: { ...storage, resources: { requests: { storage: "1024Mi" } } } },
  },
  "PersistentVolume.": {
    body: { spec: { ...storage, capacity: { storage: "1Gi" }, hostPath: { path: "/data" } } },
  },
  "Pod.": {
    body: { spec: { ...pod, initContainers: [{ name: "side", image: "side:1", restartPolicy: "Always" }] } },
  },
  "PodTemplate.": { body: { template } },
  "ReplicationController.": { body: { spec: { template } } },
  "ResourceQuota.": { body: { spec: { hard: { pods: "100", "requests.cpu": "100" } } } },
  "Secret.": { body: { stringData: { password: "x" } } },
  "ServiceAccount.": { body: { imagePullSecrets: [{ name: "registry" }] } },
  "Service.": {
    body: { spec: { selector: labels, type: "NodePort", ports: [{ port: 80, targetPort: "http" }] } },
  },
  "APIService.apiregistration.k8s.io": {
    name: "v1.sample.example.com",
    body: {
      spec: { group: "sample.example.com", version: "v1", groupPriorityMinimum: 1000, versionPriority: 15 },
    },
  },
  "ControllerRevision.apps": { body: { data: { spec: { template } }, revision: 1 } },
  "DaemonSet.apps": { body: { spec: { selector, template } } },
  "Deployment.apps": { body: { spec: { selector, template } } },
  "ReplicaSet.apps": { body: { spec: { selector, template } } },
  "StatefulSet.apps": {
    body: {
      spec: {
        selector,
        template,
        serviceName: "web",
        volumeClaimTemplates: [
          { metadata: { name: "data" }, spec: { ...storage, resources: { requests: { storage: "1Gi" } } } },
        ],
      },
    },
  },
  "Event.events.k8s.io": {
    body: {
      eventTime: "2026-11-23T11:50:00.000000Z",
      regarding: { kind: "Pod", name: "a", namespace: "default" },
      reportingController: "example.com/loop",
      reportingInstance: "loop-1",
      action: "Looping",
      reason: "Looped",
      type: "Normal",
    },
  },
  "HorizontalPodAutoscaler.autoscaling": {
    body: {
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        maxReplicas: 3,
        behavior: { scaleUp: {} },
      },
    },
  },
  "CronJob.batch": {
    body: {
      spec: {
        schedule: "@hourly",
        jobTemplate: { spec: { template: { spec: { ...pod, restartPolicy: "Never" } } } },
      },
    },
  },
  "Job.batch": { body: { spec: { template: { spec: { ...pod, restartPolicy: "Never" } } } } },
  "CertificateSigningRequest.certificates.k8s.io": {
    body: { spec: { request, signerName: "example.com/sign", usages: ["client auth"] } },
  },
  "IngressClass.networking.k8s.io": { body: { spec: { controller: "example.com/ingress" } } },
  "Ingress.networking.k8s.io": {
    body: { spec: { defaultBackend: { service: { name: "web", port: { number: 80 } } } } },
  },
  "IPAddress.networking.k8s.io": {
    name: "192.0.2.1",
    body: { spec: { parentRef: { resource: "services", namespace: "default", name: "web" } } },
  },
  "NetworkPolicy.networking.k8s.io": {
    body: { spec: { podSelector: {}, ingress: [{ ports: [{ port: 80 }] }] } },
  },
  "ServiceCIDR.networking.k8s.io": { body: { spec: { cidrs: ["192.0.2.0/24"] } } },
  "PodDisruptionBudget.policy": { body: { spec: { selector, minAvailable: 1 } } },
  "ClusterRoleBinding.rbac.authorization.k8s.io": {
    body: { roleRef: view, subjects: [{ kind: "User", name: "a" }] },
  },
  "ClusterRole.rbac.authorization.k8s.io": { body: { rules: role } },
  "RoleBinding.rbac.authorization.k8s.io": {
    body: { roleRef: view, subjects: [{ kind: "Group", name: "a" }] },
  },
  "Role.rbac.authorization.k8s.io": { body: { rules: role } },
  "CSIDriver.storage.k8s.io": { body: { spec: {} } },
  "CSINode.storage.k8s.io": { body: { spec: { drivers: [{ name: "a.example.com", nodeID: "1" }] } } },
  "CSIStorageCapacity.storage.k8s.io": { body: { storageClassName: "local", capacity: "1024Mi" } },
  "StorageClass.storage.k8s.io": { body: { provisioner: "example.com/disk" } },
  "VolumeAttachment.storage.k8s.io": {
    body: { spec: { attacher: "a.example.com", nodeName: "n", source: { persistentVolumeName: "pv" } } },
  },
  "VolumeAttributesClass.storage.k8s.io": {
    body: { driverName: "a.example.com", parameters: { iops: "1" } },
  },
  "MutatingAdmissionPolicy.admissionregistration.k8s.io": {
    body: {
      spec: {
        matchConstraints,
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: "[]" } }],
      },
    },
  },
  "MutatingAdmissionPolicyBinding.admissionregistration.k8s.io": { body: { spec: { policyName: "sample" } } },
  "MutatingWebhookConfiguration.admissionregistration.k8s.io": { body: { webhooks: [webhook] } },
  "ValidatingAdmissionPolicy.admissionregistration.k8s.io": {
    judged: { observedGeneration: 1 },
    body: { spec: { matchConstraints, validations: [{ expression: "true" }] } },
  },
  "ValidatingAdmissionPolicyBinding.admissionregistration.k8s.io": {
    body: { spec: { policyName: "sample", validationActions: ["Deny"] } },
  },
  "ValidatingWebhookConfiguration.admissionregistration.k8s.io": { body: { webhooks: [webhook] } },
  "PriorityClass.scheduling.k8s.io": { body: { value: 10 } },
  "Lease.coordination.k8s.io": { body: { spec: { holderIdentity: "a", leaseDurationSeconds: 15 } } },
  "RuntimeClass.node.k8s.io": { body: { handler: "runc", overhead: { podFixed: { cpu: "0.25" } } } },
  "EndpointSlice.discovery.k8s.io": {
    body: { addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"] }], ports: [{ port: 80 }] },
  },
  "FlowSchema.flowcontrol.apiserver.k8s.io": {
    judged: { conditions: [{ type: "Dangling", status: "True", reason: "NotFound" }] },
    body: {
      spec: {
        priorityLevelConfiguration: { name: "sample" },
        rules: [
          {
            subjects: [{ kind: "User", user: { name: "a" } }],
            nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/x"] }],
          },
        ],
      },
    },
  },
  "PriorityLevelConfiguration.flowcontrol.apiserver.k8s.io": {
    body: { spec: { type: "Limited", limited: { limitResponse: { type: "Reject" } } } },
  },
  "DeviceClass.resource.k8s.io": {
    body: { spec: { selectors: [{ cel: { expression: 'device.driver == "a.example.com"' } }] } },
  },
  "ResourceClaim.resource.k8s.io": { body: { spec: { devices: { requests: [deviceRequest] } } } },
  "ResourceClaimTemplate.resource.k8s.io": {
    body: { spec: { spec: { devices: { requests: [deviceRequest] } } } },
  },
  "ResourceSlice.resource.k8s.io": {
    body: {
      spec: {
        driver: "a.example.com",
        pool: { name: "n", generation: 1, resourceSliceCount: 1 },
        nodeName: "n",
        devices: [
          { name: "d", attributes: { model: { string: "x" } }, capacity: { memory: { value: "1024Mi" } } },
        ],
      },
    },
  },
};
