import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from "@coracle/shared/api/generated/resource-v1.ts";
import {
  forbiddenField,
  invalidValue,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type Path,
} from "../../registry/field.ts";
import {
  maxRequests,
  requestNames,
  validateRequestRef,
  validateRequestRefs,
  type RequestNames,
} from "../shared/dra/claim.ts";
import {
  validateConfiguration,
  validateDriver,
  validateLabelName,
  validateObjectData,
  validatePoolName,
  validateSet,
  validateSlice,
  validateToleration,
} from "../shared/dra/rules.ts";
import { check } from "../shared/names.ts";
import { ipAddress } from "../shared/net.ts";
import { validateNodeSelector } from "../shared/pod/validate-scheduling.ts";
import { validateConditions } from "../shared/dra/conditions.ts";
import { validateImmutable } from "../shared/workload.ts";

const root = path("status");

interface DeviceName {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
  readonly shareID?: string | undefined;
}
/** `driver/pool/device`, with the share of it when it is shared. */
export const deviceKey = ({ driver, pool, device, shareID }: DeviceName): string =>
  [driver, pool, device, ...(shareID ? [shareID] : [])].join("/");

/** What the scheduler and drivers may write about a claim. */
export function validateClaimStatus(
  { spec, status, metadata }: ResourceClaim,
  old: ResourceClaim,
): FieldError[] {
  const names = requestNames(spec?.devices);
  const { reservedFor = [], allocation, devices } = status ?? {};
  const allocated = new Set((allocation?.devices?.results ?? []).map(deviceKey));
  const errors = [
    ...validateSet(reservedFor, { max: 256, key: (c) => c.uid }, validateConsumer, root.child("reservedFor")),
    ...validateSet(
      devices,
      { max: Infinity, key: deviceKey },
      (d, at) => validateDeviceStatus(d, at, allocated),
      root.child("devices"),
    ),
  ];
  if (reservedFor.length > 0) {
    const at = root.child("reservedFor");
    if (!allocation) errors.push(forbiddenField(at, "may not be specified when `allocated` is not set"));
    else if (metadata.deletionTimestamp) {
      const known = new Set((old.status?.reservedFor ?? []).map((c) => c.uid));
      if (reservedFor.some((c) => !known.has(c.uid)))
        errors.push(
          forbiddenField(
            at,
            "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set",
          ),
        );
    }
  }
  if (!allocation) return errors;
  const at = root.child("allocation");
  const before = old.status?.allocation;
  return [
    ...errors,
    ...(before ? validateImmutable(allocation, before, at) : validateAllocation(allocation, at, names)),
  ];
}

const validateConsumer = (consumer: ResourceClaimConsumerReference, at: Path): FieldError[] =>
  (["resource", "name", "uid"] as const).flatMap((field) =>
    consumer[field] ? [] : [required(at.child(field))],
  );

function validateAllocation(
  { devices, nodeSelector }: AllocationResult,
  path: Path,
  names: RequestNames,
): FieldError[] {
  const at = path.child("devices");
  return [
    ...validateSlice(
      devices?.results,
      maxRequests,
      (r, where) => validateResult(r, where, names),
      at.child("results"),
    ),
    ...validateSlice(
      devices?.config,
      2 * maxRequests,
      (config, where) => [
        ...validateSource(config.source, where.child("source")),
        ...validateRequestRefs(config.requests, where.child("requests"), names),
        ...validateConfiguration(config, where, false),
      ],
      at.child("config"),
    ),
    ...(nodeSelector ? validateNodeSelector(nodeSelector, path.child("nodeSelector")) : []),
  ];
}

const sources = ["FromClaim", "FromClass"];
const validateSource = (source: string | undefined, path: Path): FieldError[] =>
  !source ? [required(path)] : sources.includes(source) ? [] : [notSupported(path, source, sources)];

const validateDeviceName = ({ driver, pool, device }: DeviceName, path: Path): FieldError[] => [
  ...validateDriver(driver, path.child("driver")),
  ...validatePoolName(pool, path.child("pool")),
  ...validateLabelName(device, path.child("device")),
];

const validateResult = (
  result: DeviceRequestAllocationResult,
  path: Path,
  names: RequestNames,
): FieldError[] => [
  ...validateRequestRef(result.request ?? "", path.child("request"), names),
  ...validateDeviceName(result, path),
  ...validateShare(result.shareID, path.child("shareID")),
  ...validateSlice(result.tolerations, 16, validateToleration, path.child("tolerations")),
];

const uid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const validateShare = (share: string | undefined, path: Path): FieldError[] =>
  share === undefined || uid.test(share)
    ? []
    : [
        invalidValue(
          path,
          share,
          "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
        ),
      ];

function validateDeviceStatus(
  device: AllocatedDeviceStatus,
  path: Path,
  allocated: ReadonlySet<string>,
): FieldError[] {
  const errors = [
    ...validateDeviceName(device, path),
    ...validateShare(device.shareID, path.child("shareID")),
  ];
  const key = deviceKey(device);
  if (!allocated.has(key)) errors.push(invalidValue(path, key, "must be an allocated device in the claim"));
  return [
    ...errors,
    ...validateConditions(device.conditions, path.child("conditions"), 8),
    ...(device.data ? validateObjectData(device.data, path.child("data"), false) : []),
    ...validateNetwork(device.networkData, path.child("networkData")),
  ];
}

function validateNetwork(network: NetworkDeviceData | undefined, path: Path): FieldError[] {
  const { interfaceName = "", hardwareAddress = "", ips } = network ?? {};
  return [
    ...(Buffer.byteLength(interfaceName) > 256 ? [tooLong(path.child("interfaceName"), 256)] : []),
    ...(Buffer.byteLength(hardwareAddress) > 128 ? [tooLong(path.child("hardwareAddress"), 128)] : []),
    ...validateSet(ips, { max: 16, key: (ip) => ip }, validateInterfaceAddress, path.child("ips")),
  ];
}

/** An address with the length of its network's prefix. */
function validateInterfaceAddress(text: string, path: Path): FieldError[] {
  const [address = "", length, more] = text.split("/");
  const longest = address.includes(":") ? 128 : 32;
  const fits =
    length !== undefined && /^(0|[1-9]\d*)$/.test(length) && Number(length) <= longest && more === undefined;
  return fits && check(ipAddress, address, path).length === 0
    ? []
    : [
        invalidValue(
          path,
          text,
          "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)",
        ),
      ];
}
