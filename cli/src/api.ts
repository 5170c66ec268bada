import { request } from "node:https";
import { readFile } from "node:fs/promises";
import { parse } from "yaml";
import { UserError } from "./exec.ts";
import { kubeconfigPath } from "./paths.ts";

interface Kubeconfig {
  clusters: [{ cluster: { server: string; "certificate-authority-data": string } }];
  users: [{ user: { "client-certificate-data": string; "client-key-data": string } }];
}

const TIMEOUT_MS = 5_000;
const decode = (text: string): Buffer => Buffer.from(text, "base64");

/** GETs a path of the cluster's API as the administrator. */
export async function get<T>(path: string): Promise<T> {
  const text = await readFile(kubeconfigPath, "utf8").catch(() => {
    throw new UserError(`There is no ${kubeconfigPath}: is the cluster up? Try ./coracle up`);
  });
  const { clusters, users } = parse(text) as Kubeconfig;
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  request(new URL(path, clusters[0].cluster.server), {
    ca: decode(clusters[0].cluster["certificate-authority-data"]),
    cert: decode(users[0].user["client-certificate-data"]),
    key: decode(users[0].user["client-key-data"]),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
    .once("response", (response) => {
      let body = "";
      response
        .setEncoding("utf8")
        .on("data", (chunk: string) => (body += chunk))
        .once("error", reject)
        .once("end", () => {
          if (response.statusCode === 200) resolve(JSON.parse(body) as T);
          else reject(new UserError(`GET ${path}: ${response.statusCode} ${body}`));
        });
    })
    .once("error", (error) => reject(new UserError(`The API server does not answer: ${error.message}`)))
    .end();
  return promise;
}
