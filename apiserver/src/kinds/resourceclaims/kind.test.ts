import { expect, test } from "vitest";
import { created, refusals, row, updateRefusals } from "../kind.test-support.ts";
import type { WriteContext } from "../../registry/kind.ts";
import { deviceClasses } from "../deviceclasses/kind.ts";
import { resourceClaimTemplates } from "../resourceclaimtemplates/kind.ts";
import { resourceClaims } from "./kind.ts";

const exactly = { deviceClassName: "gpu" };
const claim = (devices: object, status?: object) => ({ spec: { devices }, ...(status ? { status } : {}) });
const plain = claim({ requests: [{ name: "a", exactly }] });
const selector = (expression: string) => ({ cel: { expression } });

test("a request asks for one device unless it says otherwise", () => {
  expect(created(resourceClaims, plain)).toMatchObject({
    spec: {
      devices: { requests: [{ name: "a", exactly: { ...exactly, allocationMode: "ExactCount", count: 1 } }] },
    },
    status: {},
  });
  expect(refusals(resourceClaims, plain)).toEqual([]);
});

test("what is asked for is judged", () => {
  const both = { name: "b", exactly, firstAvailable: [{ name: "x", ...exactly }] };
  const requests = [
    { name: "a", exactly: { allocationMode: "All", count: 2 } },
    { name: "a", exactly: { ...exactly, allocationMode: "Some" } },
    both,
    { name: "c" },
    { name: "d", firstAvailable: [{ name: "x", ...exactly, count: -1 }] },
  ];
  const constraints = [{ requests: ["a", "d/x", "d/y"], matchAttribute: "model" }, {}];
  const config = [{ requests: ["z"] }, { opaque: { driver: "a.example.com", parameters: [1] } }];
  expect(refusals(resourceClaims, claim({ requests, constraints, config }))).toEqual([
    "spec.devices.requests[0].exactly.deviceClassName: Required value",
    "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when allocationMode is 'All'",
    'spec.devices.requests[1].exactly.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"',
    "spec.devices.requests[2]: Invalid value: null: exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set",
    "spec.devices.requests[3]: Required value: exactly one of `exactly` or `firstAvailable` is required",
    "spec.devices.requests[4].firstAvailable[0].count: Invalid value: -1: must be greater than zero",
    'spec.devices.requests[1]: Duplicate value: "a"',
    "spec.devices.constraints[0].requests[2]: Invalid value: \"d/y\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
    'spec.devices.constraints[0].matchAttribute: Invalid value: "model": a fully qualified name must be a domain and a name separated by a slash',
    'spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    "spec.devices.config[0].requests[0]: Invalid value: \"z\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
    "spec.devices.config[0].opaque: Required value",
    'spec.devices.config[1].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
  ]);
});

test("expressions must compile, fit, and give true or false", () => {
  const selectors = [
    selector("device.size > 1"),
    selector("device.driver"),
    selector(`"${"a".repeat(10241)}"`),
    {},
  ];
  expect(refusals(deviceClasses, { spec: { selectors } })).toEqual([
    "spec.selectors[0].cel.expression: Invalid value: \"device.size > 1\": compilation failed: ERROR: <input>:1:7: undefined field 'size'\n | device.size > 1\n | ......^",
    'spec.selectors[1].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
    "spec.selectors[2].cel.expression: Too long: may not be more than 10240 bytes",
    "spec.selectors[3].cel: Required value",
  ]);
  expect(refusals(deviceClasses, { spec: { extendedResourceName: "kubernetes.io/gpu" } })).toEqual([
    'spec.extendedResourceName: Invalid value: "kubernetes.io/gpu": must be a valid extended resource name',
  ]);
});

test("the devices of others are for namespaces with a label", () => {
  const admin = claim({ requests: [{ name: "a", exactly: { ...exactly, adminAccess: true } }] });
  const why =
    "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace";
  expect(refusals(resourceClaims, admin)).toEqual([why]);
  expect(refusals(resourceClaimTemplates, { spec: { spec: admin.spec } })).toEqual([why]);
  const labels = { "resource.kubernetes.io/admin-access": "true" };
  const lookup = () => ({ object: { metadata: { labels } } }) as never;
  expect(refusals(resourceClaims, admin, { lookup })).toEqual([]);
});

test("what is asked for never changes", () => {
  const change = (object: { spec: { devices?: object } }): void => {
    object.spec.devices = {};
  };
  expect(updateRefusals(resourceClaims, plain, change as never)).toEqual([
    "spec: Invalid value: {}: field is immutable".replace("{}", '{"devices":{}}'),
  ]);
});

const device = { driver: "a.example.com", pool: "p", device: "d" };
const allocation = { devices: { results: [{ request: "a", ...device }] } };
const pod = { resource: "pods", name: "web", uid: "1" };
const statusRefusals = (after: object, metadata: object = {}, ctx: Partial<WriteContext> = {}): string[] =>
  updateRefusals(
    resourceClaims,
    plain,
    (object: { status: object; metadata: object }) => {
      object.status = after;
      Object.assign(object.metadata, metadata);
    },
    { ...ctx, subresource: "status" },
  );

test("the status is judged", () => {
  const good = { allocation, reservedFor: [pod], devices: [{ ...device, data: { a: 1 } }] };
  expect(statusRefusals(good)).toEqual([]);
  expect(statusRefusals({ reservedFor: [pod, { resource: "pods", uid: "1" }] })).toEqual([
    "status.reservedFor[1].name: Required value",
    'status.reservedFor[1]: Duplicate value: "1"',
    "status.reservedFor: Forbidden: may not be specified when `allocated` is not set",
  ]);
  const other = { allocation: { devices: { results: [{ request: "b", ...device, device: "D" }] } } };
  expect(statusRefusals(other)).toEqual([
    "status.allocation.devices.results[0].request: Invalid value: \"b\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
    expect.stringMatching(/^status.allocation.devices.results\[0\].device: Invalid value: "D"/),
  ]);
  const networkData = { ips: ["10.0.0.1"] };
  expect(statusRefusals({ devices: [{ ...device, networkData }] })).toEqual([
    'status.devices[0]: Invalid value: "a.example.com/p/d": must be an allocated device in the claim',
    'status.devices[0].networkData.ips[0]: Invalid value: "10.0.0.1": must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)',
  ]);
  const leaving = { deletionTimestamp: "2026-11-23T12:00:00Z" };
  expect(statusRefusals({ allocation, reservedFor: [pod] }, leaving)).toEqual([
    "status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
  ]);
});

test("who gives out devices and who drives them may say so, each their own part", () => {
  const nodeSelector = {
    nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }],
  };
  const status = { allocation: { ...allocation, nodeSelector }, devices: [device] };
  const asked: string[] = [];
  const refusal: WriteContext["refusal"] = ({ verb, subresource, name }) => {
    asked.push(`${verb} ${subresource} ${name}`);
    return verb === "associated-node:patch" ? undefined : "no";
  };
  const user = {
    username: "system:serviceaccount:default:driver",
    groups: [],
    extra: { "authentication.kubernetes.io/node-name": ["n1"] },
  };
  expect(statusRefusals(status, {}, { refusal, verb: "patch", user })).toEqual([
    'status: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="patch" permission: no',
  ]);
  expect(asked).toEqual([
    "patch binding ",
    "associated-node:patch driver a.example.com",
    "arbitrary-node:patch driver a.example.com",
  ]);
  expect(
    statusRefusals(status, {}, { refusal, verb: "update", user: { ...user, extra: {} } }).slice(1),
  ).toEqual([
    'status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[arbitrary-node:update]" permission: no',
  ]);
});

test("lines", () => {
  expect(row(resourceClaims, plain)).toMatchObject({ STATE: "pending" });
  expect(row(resourceClaims, claim({}, { allocation, reservedFor: [pod] }))).toMatchObject({
    STATE: "allocated,reserved",
  });
  const metadata = { deletionTimestamp: "2026-11-23T12:00:00Z" };
  expect(row(resourceClaims, { ...plain, metadata })).toMatchObject({ STATE: "deleted" });
});
