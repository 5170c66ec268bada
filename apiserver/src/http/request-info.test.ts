import { expect, test } from "vitest";
import { parseRequestInfo } from "./request-info.ts";

const parse = (method: string, url: string) => {
  const { pathname, searchParams } = new URL(url, "http://x");
  const { verb, group, version, resource, subresource, namespace, name, isResource, subpath } =
    parseRequestInfo(method, pathname, searchParams);
  if (!isResource) return verb;
  const gv = group ? `${group}/${version}` : version;
  const what = subresource ? `${resource}/${subresource}` : resource;
  return [verb, gv, what, namespace || "-", name || "-", ...(subpath === undefined ? [] : [subpath])].join(
    " ",
  );
};

test.each([
  ["GET", "/api/v1/pods", "list v1 pods - -"],
  ["GET", "/api/v1/namespaces/default/pods", "list v1 pods default -"],
  ["GET", "/api/v1/namespaces/default/pods/web", "get v1 pods default web"],
  ["HEAD", "/api/v1/namespaces/default/pods/web", "get v1 pods default web"],
  ["GET", "/api/v1/namespaces/default/pods?watch=true", "watch v1 pods default -"],
  ["GET", "/api/v1/namespaces/default/pods?watch=1", "watch v1 pods default -"],
  ["GET", "/api/v1/namespaces/default/pods?watch=false", "list v1 pods default -"],
  ["GET", "/api/v1/namespaces/default/pods?fieldSelector=metadata.name%3Dweb", "list v1 pods default web"],
  ["GET", "/api/v1/watch/namespaces/default/pods", "watch v1 pods default -"],
  ["GET", "/api/v1/watch/namespaces/default/pods/web", "watch v1 pods default web"],
  ["POST", "/apis/apps/v1/namespaces/default/deployments", "create apps/v1 deployments default -"],
  [
    "PUT",
    "/apis/apps/v1/namespaces/default/deployments/web/status",
    "update apps/v1 deployments/status default web",
  ],
  [
    "PATCH",
    "/apis/apps/v1/namespaces/default/deployments/web/scale",
    "patch apps/v1 deployments/scale default web",
  ],
  ["DELETE", "/api/v1/namespaces/default/pods", "deletecollection v1 pods default -"],
  ["DELETE", "/api/v1/namespaces/default/pods/web", "delete v1 pods default web"],
  ["GET", "/api/v1/namespaces", "list v1 namespaces - -"],
  ["GET", "/api/v1/namespaces/default", "get v1 namespaces default default"],
  ["PUT", "/api/v1/namespaces/default/finalize", "update v1 namespaces/finalize default default"],
  ["PUT", "/api/v1/namespaces/default/status", "update v1 namespaces/status default default"],
  ["GET", "/api/v1/nodes/node-1/proxy/stats/summary", "get v1 nodes/proxy - node-1 stats/summary"],
  ["GET", "/api/v1/namespaces/default/pods/web/proxy/", "get v1 pods/proxy default web"],
  ["GET", "/api/v1", "get"],
  ["GET", "/apis/apps", "get"],
  ["GET", "/apis/apps/v1", "get"],
  ["POST", "/healthz", "post"],
  ["GET", "/", "get"],
])("%s %s is %s", (method, url, expected) => {
  expect(parse(method, url)).toBe(expected);
});
