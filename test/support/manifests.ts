/** Manifests that several end-to-end tests apply. Images are those that images/ provides under these names. */
export const webImage = process.env["CORACLE_TEST_NGINX"] ?? "nginx:1.27";
export const webImageNext = process.env["CORACLE_TEST_NGINX_NEXT"] ?? "nginx:1.28";
export const busybox = process.env["CORACLE_TEST_BUSYBOX"] ?? "busybox:1.36";

export const webDeployment = (name: string, replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  labels: { app: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: nginx
          image: ${webImage}
          ports:
            - { name: http, containerPort: 80 }
          readinessProbe:
            httpGet: { path: /, port: http }
            periodSeconds: 1
          resources:
            requests: { cpu: 10m, memory: 16Mi }
`;

export const webService = (name: string, type = "ClusterIP"): string => `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec:
  type: ${type}
  selector: { app: ${name} }
  ports:
    - { name: http, port: 80, targetPort: http }
`;

/** A small HTTP server of our own on Node; images/testserver says what it answers. */
export const testserver = process.env["CORACLE_TEST_SERVER"] ?? "coracle/testserver:dev";

/** A busybox pod that sleeps until it is deleted. */
export const toolPod = (name: string, extra = ""): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name}, labels: { app: ${name} } }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: ${busybox}
      command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
${extra}`;
