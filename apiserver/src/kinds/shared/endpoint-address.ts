import { familyOf } from "./net.ts";
import type { StringRule } from "./names.ts";

/** Addresses that traffic must not be sent to by way of an endpoint. */
export const endpointAddressRule: StringRule = (ip) => {
  const v4 = familyOf(ip) === "IPv4";
  const errors: string[] = [];
  if (ip === "0.0.0.0" || ip === "::") errors.push(`may not be unspecified (${ip})`);
  if (v4 ? ip.startsWith("127.") : ip === "::1")
    errors.push("may not be in the loopback range (127.0.0.0/8, ::1/128)");
  if (v4 ? ip.startsWith("169.254.") : /^fe[89ab]/i.test(ip))
    errors.push("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
  if (v4 ? ip.startsWith("224.0.0.") : /^ff02:/i.test(ip))
    errors.push("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
  return errors;
};
