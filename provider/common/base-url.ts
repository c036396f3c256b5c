import { BlockList, isIP } from "node:net";

/** The default configuration namespace. Only this one falls back to the `AUTHENTIK_…` variables. */
export const defaultConnection = "authentik";

/**
 * Normalizes authentik's URL: with or without a trailing slash, with or without `/api/v3`. Returns the URL, or the reason why it is not valid.
 * The program (for links) and the provider process both use it.
 */
export function parseBaseUrl(
  value: string,
  headersSetting: string = `${defaultConnection}:headers`,
): { url: string } | { problem: string } {
  if (!URL.canParse(value.trim())) return { problem: "is not a URL. Use the form https://authentik.example.com" };
  const url = new URL(value.trim());
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { problem: "must start with https:// (or http://)" };
  if (url.username || url.password) {
    return {
      problem: `must not contain a username or password, because Pulumi stores it in plaintext. Use ${headersSetting}`,
    };
  }
  if (url.search || url.hash) return { problem: "must not contain a query (?…) or a fragment (#…)" };
  const path = url.pathname.replace(/\/+$/, "").replace(/\/+api\/v3$/, "");
  return { url: `${url.origin}${path}` };
}

/** Whether requests to this URL leave this machine unencrypted. */
export function isCleartext(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "http:" && !isLoopback(hostname);
}

/** Whether the URL's host can only be reached from this machine or network: a loopback or private address, or a name without a public domain. */
export function isPrivate(url: string): boolean {
  const hostname = new URL(url).hostname.replace(/\.$/, "");
  const address = hostname.replace(/^\[|\]$/g, "");
  const version = isIP(address);
  if (version !== 0) return privateAddresses.check(address, version === 4 ? "ipv4" : "ipv6");
  return isLoopback(hostname) || !hostname.includes(".") || /\.(local|internal|home\.arpa)$/.test(hostname);
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127(\.\d+){3}$/.test(hostname)
  );
}

/** Loopback, private, shared and link-local addresses (RFC 6890). IPv4-mapped IPv6 addresses are checked as IPv4. */
const privateAddresses = new BlockList();
for (const [network, prefix, version] of [
  ["0.0.0.0", 8, "ipv4"],
  ["10.0.0.0", 8, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["::1", 128, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["fe80::", 10, "ipv6"],
] as const) {
  privateAddresses.addSubnet(network, prefix, version);
}
